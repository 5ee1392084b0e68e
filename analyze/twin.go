package analyze

// Metrics of the mean-field twins of a model (extract/particles/twin), which
// `run --twin` sets beside cosine_mean.
const (
	TwinResidual = "twin_residual_cosine"
	TwinSphere   = "twin_sphere_cosine"
)

// twinPrefix begins the metrics that no state of the model has.
const twinPrefix = "twin_"

func twinDefinitions() []Definition {
	const note = "of run --twin; without MLPs, rotary positions, biases and windows; compare with cosine_mean at the same layer"
	return []Definition{
		{TwinResidual, "cosine_mean of x <- x + sum over heads of O P V N(x), a step a block, from the model's embeddings", "arXiv 2305.05465 (discrete)", note},
		{TwinSphere, "cosine_mean of u' = (I - u u') (1/rho) sum over heads of O P V sqrt(D) u, a unit of time a block, rho = norm_mean of the model",
			"arXiv 2312.10794", note},
	}
}
