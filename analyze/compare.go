package analyze

// Compare sets an adapter's state beside the base's at the same layer, prompt,
// site and mask. drift holds |x_adapter - x_base|/|x_base| per token of the
// mask, (T).
func Compare(base, adapted *View, drift []float64) []Measure {
	var m measures
	if len(drift) > 0 {
		var most float64
		for _, d := range drift {
			most = max(most, d)
		}
		m.add("drift", sum(drift)/float64(len(drift)))
		m.add("drift_max", most)
		m.add("ami_base", AMI(base.Labels, adapted.Labels))
		m.add("ari_base", ARI(base.Labels, adapted.Labels))
	}
	if base.centred.T >= leastCKA {
		m.add("cka_base", cka(base.centred, adapted.centred, base.hsic, adapted.hsic))
	}
	return m
}
