package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/internal/native"
)

// lapackChoices are the values of --lapack, the default first.
var lapackChoices = []string{"auto", "native", "gonum"}

// openSolver is what --lapack asks for, and a warning where auto had to do
// without the machine's LAPACK.
func openSolver(choice string) (solver spectra.Solver, warning string, err error) {
	if !slices.Contains(lapackChoices, choice) {
		return nil, "", usageError{fmt.Errorf("--lapack %q: one of %s", choice, strings.Join(lapackChoices, ", "))}
	}
	if choice == "gonum" {
		return spectra.Gonum{}, "", nil
	}
	l, err := native.OpenLAPACK()
	switch {
	case err == nil:
		return l, "", nil
	case choice == "native":
		return nil, "", fmt.Errorf("--lapack native: %w", err)
	}
	return spectra.Gonum{}, err.Error(), nil
}
