// Layerclust shows how the tokens of a prompt cluster across the depth of a
// language model, and what LoRA adapters do to that.
//
//	layerclust run MODEL --adapter DIR --prompts FILE --out DIR
//
// Results go to files, a short summary to stdout, progress and warnings to
// stderr. Exit codes: 0 fine; 1 the run failed; 2 bad usage or bad input, with
// one line on stderr that names the file, field and value.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/layerclust/layerclust/loader"
)

// version is set by the linker (see the Makefile).
var version = "unknown"

// Exit codes.
const (
	exitFine   = 0
	exitFailed = 1
	exitInput  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for a clean end
	code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError marks an error in the command line.
type usageError struct{ error }

// failure marks an error that no other input would mend.
type failure struct{ error }

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	running := false
	root.PersistentPreRun = func(*cobra.Command, []string) { running = true }
	err := guarded(func() error { return root.ExecuteContext(ctx) })
	if err == nil {
		return exitFine
	}
	fmt.Fprintf(stderr, "layerclust: %s\n", oneLine(err))
	switch {
	case errors.As(err, new(failure)):
		return exitFailed
	case !running, errors.As(err, new(usageError)), errors.Is(err, loader.ErrInput):
		return exitInput
	}
	return exitFailed
}

// guarded turns a panic, which is a mistake of this program, into an error: no
// stack trace reaches a user unless LAYERCLUST_DEBUG asks for it.
func guarded(f func() error) (err error) {
	if os.Getenv("LAYERCLUST_DEBUG") == "" {
		defer func() {
			if p := recover(); p != nil {
				err = failure{fmt.Errorf("internal error: %v (LAYERCLUST_DEBUG=1 shows where)", p)}
			}
		}()
	}
	return f()
}

// oneLine is an error's text on one line, without the stack that some
// libraries append.
func oneLine(err error) string {
	if errors.Is(err, context.Canceled) {
		if u, ok := errors.AsType[unfinished](err); ok {
			u.error = errors.New("interrupted")
			return u.Error()
		}
		return "interrupted; nothing was written"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "layerclust",
		Short:         "How tokens cluster across the depth of a model, and what LoRA adapters do to that",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("layerclust {{.Version}}\n")
	root.AddCommand(newRunCommand(), newDemoCommand(), newExtractCommand(), newAnalyzeCommand(), newReportCommand(), newInspectCommand(),
		newVerifyCommand(), newTokensCommand(), newMetricsCommand(), newSpectraCommand(), newSimulateCommand(), newBoundCommand())
	return root
}
