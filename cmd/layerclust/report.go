package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

func newReportCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Draw the report again from the tables of a run, without the model",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := report.Read(args[0])
			if err != nil {
				return loader.InputErrorf("%w", err)
			}
			if err := report.Render(args[0], result); err != nil {
				return writeError(args[0], err)
			}
			page := filepath.Join(args[0], "report.html")
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"report": page, "findings": nonNil(report.Headlines(result))})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), page)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the summary as one JSON object")
	return cmd
}
