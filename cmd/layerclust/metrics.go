package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/analyze"
)

func newMetricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "List every metric with its formula and source",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			for _, d := range analyze.Definitions() {
				fmt.Fprintf(w, "%s\n    %s\n", d.Name, d.Formula)
				for _, line := range []string{d.Source, d.Note} {
					if line != "" {
						fmt.Fprintf(w, "    %s\n", line)
					}
				}
			}
			return nil
		},
	}
}
