package main

import (
	"context"
	"errors"
)

// base adds what is of the base's weights.
func (f *spectraFlags) base(_ context.Context, job *spectraJob) error {
	if job.model == nil {
		return nil
	}
	return failure{errors.New("spectra of MODEL's own weights: not yet")}
}
