package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/loader"
)

// inspectFlags are the flags of inspect.
type inspectFlags struct {
	base string
	json bool
}

func newInspectCommand() *cobra.Command {
	f := &inspectFlags{}
	cmd := &cobra.Command{
		Use:   "inspect MODEL | ADAPTER | RUN",
		Short: "Show what is in a folder, what would be applied, how big it is",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := f.resolve(cmd.Context(), args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			facts, err := f.inspect(dir)
			if err != nil {
				return err
			}
			if f.json {
				return writeJSON(cmd.OutOrStdout(), facts)
			}
			return facts.write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&f.base, "base", "", "the `MODEL` that an adapter is for: match its modules, and measure it against the weights")
	cmd.Flags().BoolVar(&f.json, "json", false, "one JSON object")
	return cmd
}

// resolve turns hub ids into folders: that of what is inspected, which may be a
// model or an adapter, and that of --base.
func (f *inspectFlags) resolve(ctx context.Context, arg string, progress io.Writer) (string, error) {
	hub := loader.HubOptions{Progress: progress}
	if f.base != "" {
		dir, err := loader.ResolveModel(ctx, f.base, hub)
		if err != nil {
			return "", err
		}
		f.base = dir
	}
	dir, err := loader.ResolveModel(ctx, arg, hub)
	if err != nil {
		if adapter, other := loader.ResolveAdapter(ctx, arg, hub); other == nil {
			return adapter, nil
		}
	}
	return dir, err
}

// inspection is what can be said of a folder; its JSON says "kind".
type inspection interface {
	write(w io.Writer) error
}

// inspect finds out what a folder is by the file that each kind must have.
func (f *inspectFlags) inspect(dir string) (inspection, error) {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	switch {
	case f.base == "" && has(runName):
		return inspectRun(dir)
	case f.base == "" && has("config.json"):
		return inspectModel(dir)
	}
	refs, err := loader.ParseAdapterArg(dir)
	if err != nil && f.base != "" {
		return nil, err
	}
	if err != nil {
		return nil, loader.InputErrorf("%s: there is no %s, no config.json, no adapter_config.json and no checkpoint-N folder in it", dir, runName)
	}
	return inspectAdapters(refs, f.base)
}

// sheet is a table of names and values.
type sheet struct{ table *tabwriter.Writer }

func newSheet(w io.Writer) sheet { return sheet{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// line writes one value; an empty one is left out.
func (s sheet) line(name, format string, args ...any) {
	if value := fmt.Sprintf(format, args...); value != "" {
		fmt.Fprintf(s.table, "%s\t%s\n", name, value)
	}
}

func (s sheet) warnings(list []string) {
	for _, w := range list {
		s.line("warning", "%s", w)
	}
}

func (s sheet) close() error { return s.table.Flush() }

// sizedFile is a file and its size.
type sizedFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// sizes stats files of a folder.
func sizes(dir string, names []string) ([]sizedFile, int64, error) {
	list := []sizedFile{}
	var total int64
	var errs []error
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			errs = append(errs, loader.InputErrorf("%w", err))
			continue
		}
		list = append(list, sizedFile{name, info.Size()})
		total += info.Size()
	}
	return list, total, errors.Join(errs...)
}

// spans writes ascending numbers as "0-5,12".
func spans(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(numbers[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", numbers[i], numbers[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
