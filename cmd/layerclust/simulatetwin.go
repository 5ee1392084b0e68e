package main

import (
	"context"
	"io"

	"github.com/spf13/pflag"
)

type twinFlags struct{ model string }

func (f *twinFlags) register(*pflag.FlagSet) {}
func (f *twinFlags) given() bool             { return false }
func (f *twinFlags) key() any                { return nil }

func (f *simulateFlags) runTwin(context.Context, io.Writer) (*simulated, error) { return nil, nil }
