package extract

import (
	"slices"

	"github.com/layerclust/layerclust/loader"
)

// embed reads the embedding rows of every prompt and emits layer 0. A variant
// with an embedding of its own leaves the base here where a row of the prompts
// differs.
func (r *run) embed() error {
	tables := make([]*table, len(r.variants))
	for i, v := range r.variants {
		if tables[i] = newTable(v, loader.EmbedTensor); tables[i] == nil {
			continue
		}
		norms, err := tables[i].survey(r.model)
		if err != nil {
			return err
		}
		v.norms.add(norms)
	}
	for p := range r.prompts {
		if err := r.embedPrompt(p, tables); err != nil {
			return err
		}
	}
	return nil
}

// embedPrompt makes the first states of one prompt.
func (r *run) embedPrompt(p int, tables []*table) error {
	ids, d := r.prompts[p].IDs, r.model.Config.HiddenSize
	base := make([]float32, len(ids)*d) // (T, D)
	for t, id := range ids {
		if err := r.model.Weights.ReadRow(loader.EmbedTensor, int(id), base[t*d:(t+1)*d]); err != nil {
			return err
		}
	}
	for i, v := range r.variants {
		x := base
		if tables[i] != nil {
			x = make([]float32, len(base)) // (T, D)
			for t, id := range ids {
				if err := tables[i].rows(int(id), int(id)+1, base[t*d:(t+1)*d], x[t*d:(t+1)*d]); err != nil {
					return err
				}
			}
			v.changed = v.changed || !slices.Equal(base, x)
		}
		if i == 0 || tables[i] != nil && v.changed {
			if err := r.states.write(r.slot(p, i), x); err != nil {
				return err
			}
		}
		if err := r.emit(States{Layer: 0, Site: Resid, X: x}, p, i, noBlame); err != nil {
			return err
		}
	}
	return nil
}
