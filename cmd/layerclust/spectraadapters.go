package main

import "context"

// updates adds the spectra of every adapter's updates.
func (f *spectraFlags) updates(_ context.Context, _ *spectraJob) error { return nil }

// overlaps compares the subspaces of adapters, checkpoints and layers.
func (f *spectraFlags) overlaps(_ context.Context, _ *spectraJob) error { return nil }
