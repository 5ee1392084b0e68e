package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/internal/tinytext"
	"github.com/layerclust/layerclust/loader"
)

// demoDir is where the demo puts the embedded model, below its output folder:
// the report's command line can then be run again, and changed.
const demoDir = "demo-model"

func newDemoCommand() *cobra.Command {
	f := &inputFlags{command: "demo"}
	cmd := &cobra.Command{
		Use:   "demo --out DIR",
		Short: "The main job on a small model inside this program, without any network",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.saveStates, "save-states", false, "write the states, too")
	for _, name := range []string{"adapter", "variant", "prompt", "prompts", "revision"} {
		if flag := cmd.Flags().Lookup(name); flag != nil {
			flag.Hidden = true // the demo brings its own
		}
	}
	return cmd
}

// demo writes the embedded model beside its results and runs it as any other:
// the adapters that were trained, each beside a random one of the same size.
func (f *inputFlags) demo(ctx context.Context, stdout, stderr io.Writer) error {
	if err := f.outputFlags.check(); err != nil {
		return err
	}
	dir := filepath.Join(f.out, demoDir)
	if err := tinytext.Extract(dir); err != nil {
		return writeError(f.out, err)
	}
	prompts := filepath.Join(dir, "prompts.jsonl")
	if err := writePrompts(prompts, tinytext.Prompts()); err != nil {
		return writeError(f.out, err)
	}
	style, err := lastCheckpoint(filepath.Join(dir, tinytext.StyleDir))
	if err != nil {
		return err
	}
	f.adapters = []string{
		"style=" + style, "random-style=" + filepath.Join(dir, tinytext.RandomStyleDir),
		"task=" + filepath.Join(dir, tinytext.TaskDir), "random-task=" + filepath.Join(dir, tinytext.RandomTaskDir),
	}
	f.prompts = []promptArg{{file: true, value: prompts}}
	return f.run(ctx, filepath.Join(dir, tinytext.BaseDir), bytes.NewReader(nil), stdout, stderr)
}

// writePrompts writes a .jsonl file of prompts.
func writePrompts(path string, prompts []tinytext.Prompt) error {
	var lines bytes.Buffer
	for _, p := range prompts {
		if err := writeJSON(&lines, map[string]string{"id": p.ID, "text": p.Text}); err != nil {
			return err
		}
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, lines.Bytes()) {
		return nil
	}
	return os.WriteFile(path, lines.Bytes(), 0o644)
}

// lastCheckpoint is the last of a folder of checkpoint-N folders.
func lastCheckpoint(dir string) (string, error) {
	refs, err := loader.ParseAdapterArg(dir)
	if err != nil {
		return "", fmt.Errorf("the embedded model: %w", err)
	}
	return refs[len(refs)-1].Dir, nil
}
