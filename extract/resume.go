package extract

// begin makes the states before the first block to be run: those of the
// embedding, or those of a checkpoint. It returns that block.
func (r *run) begin() (first int, err error) {
	sizes := r.sizes()
	if r.opts.Dir != "" {
		c, s, err := loadCheckpoint(sizes, r.memory(), r.opts.Dir)
		if err != nil {
			return 0, err
		}
		if c != nil {
			return c.Layer, r.goOn(c, s)
		}
	}
	if r.states, err = newStore(sizes, r.memory(), r.opts.Dir); err != nil {
		return 0, err
	}
	r.setPace()
	if err := r.embed(); err != nil {
		return 0, err
	}
	return 0, r.turn()
}

// memory is how many bytes of states are held.
func (r *run) memory() int64 {
	if r.plan.OnDisk {
		return 0
	}
	return r.plan.States
}

// sizes are the numbers of floats of the slots.
func (r *run) sizes() []int {
	sizes := make([]int, 0, len(r.prompts)*len(r.variants)) // (prompts, variants)
	for _, p := range r.prompts {
		for range r.variants {
			sizes = append(sizes, len(p.IDs)*r.model.Config.HiddenSize)
		}
	}
	return sizes
}

// goOn takes up a checkpoint.
func (r *run) goOn(c *checkpoint, s *store) error {
	r.states = s
	r.setPace()
	if err := c.fits(len(r.variants), r.depth); err != nil {
		return err
	}
	for i, v := range r.variants {
		v.changed, v.norms = c.Changed[i], c.Norms[i].norms()
	}
	r.progress.Layer = c.Layer
	r.progress.Resumed = int64(c.Layer) * r.tokens()
	r.progress.Done, r.progress.Tokens = r.progress.Resumed, r.progress.Resumed
	if r.opts.Progress != nil {
		r.opts.Progress(r.progress)
	}
	return nil
}

func (r *run) setPace() {
	if r.opts.SaveEvery > 0 {
		r.states.pace.every = r.opts.SaveEvery
	}
}

// turn ends a block, with a checkpoint where it is time for one.
func (r *run) turn() error {
	r.states.turn()
	if !r.states.due() {
		return nil
	}
	c := checkpoint{Layer: r.states.layer}
	for _, v := range r.variants {
		c.Changed = append(c.Changed, v.changed)
		c.Norms = append(c.Norms, v.norms.sum())
	}
	return r.states.save(c, r.opts.Saved)
}
