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
		Short: "Draw the report again from the tables of a run or of spectra, without the model",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			findings, err := redraw(args[0])
			if err != nil {
				return err
			}
			page := filepath.Join(args[0], "report.html")
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"report": page, "findings": nonNil(findings)})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), page)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the summary as one JSON object")
	return cmd
}

// redraw draws the report of a folder anew, and gives its findings.
func redraw(dir string) ([]string, error) {
	if report.IsSpectra(dir) {
		info, result, err := report.ReadSpectra(dir)
		if err != nil {
			return nil, loader.InputErrorf("%w", err)
		}
		return report.SpectraHeadlines(info, result), writeError(dir, report.WriteSpectra(dir, *info, result))
	}
	result, err := report.Read(dir)
	if err != nil {
		return nil, loader.InputErrorf("%w", err)
	}
	return report.Headlines(result), writeError(dir, report.Render(dir, result))
}
