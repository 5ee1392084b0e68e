// A model or an adapter may also be named by its id on a hub (ResolveModel,
// ResolveAdapter, ResolveAdapterArg). The hub's files are put into the cache
// that huggingface_hub keeps, in its layout and under its locks, so that what
// Python has downloaded is not downloaded again, and the other way round; after
// that the rest of the package sees an ordinary folder.
//
// The download is this package's own, over net/http. The hub package of
// github.com/gomlx/go-huggingface (v0.4.12) was tried first, against a server
// that answers as the hub does. It follows a redirect to the storage host before
// it reads the file's headers, and so loses the file's SHA-256, names the blob
// after the storage host's ETag, under which Python does not find it, and takes
// other content for the file without a word; it sends the token to another port of
// the same host; it starts a broken download from the beginning. None of this can
// be mended from outside.
package loader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"
)

// HubOptions are choices of the user for a model or adapter that is not a folder.
type HubOptions struct {
	Revision string    // branch, tag or commit; "" is what the id says, or main
	Progress io.Writer // where downloads are reported; nil: nowhere
}

// ResolveModel returns the folder of a model. A string that names an existing
// folder is that folder, and the network is not touched. Otherwise it is a hub id,
// "org/name" or "org/name@revision", whose config.json, safetensors weights and
// tokenizer files are taken from the cache, and downloaded where they are missing
// there. HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE,
// HF_HUB_OFFLINE and XDG_CACHE_HOME mean what they mean to huggingface_hub.
//
// Every file is checked against the size and hash that the hub states. The error
// is one line and never holds the token; it wraps ErrInput where another id,
// revision or token would help.
func ResolveModel(ctx context.Context, arg string, o HubOptions) (dir string, err error) {
	return resolve(ctx, arg, modelRepo, o)
}

// ResolveAdapter is ResolveModel for a PEFT adapter: adapter_config.json and
// adapter_model.safetensors, or those of every checkpoint-N folder.
func ResolveAdapter(ctx context.Context, arg string, o HubOptions) (dir string, err error) {
	return resolve(ctx, arg, adapterRepo, o)
}

func resolve(ctx context.Context, arg string, kind repoKind, o HubOptions) (string, error) {
	if info, err := os.Stat(arg); err == nil {
		switch {
		case !info.IsDir():
			return "", inputErrorf("%s: is not a folder", shown(arg))
		case o.Revision != "":
			return "", inputErrorf("%s: is a folder, which has no revision %s", shown(arg), shown(o.Revision))
		}
		return arg, nil
	}
	id, revision, err := parseHubID(arg)
	if err != nil {
		return "", err
	}
	if revision, err = oneRevision(arg, revision, o.Revision); err != nil {
		return "", err
	}
	h, err := newHub(o.Progress)
	if err != nil {
		return "", err
	}
	r := &repo{hub: h, id: id, revision: revision, kind: kind}
	dir, err := r.resolve(ctx)
	return dir, h.hide(err)
}

// hubID matches "org/name". Names that huggingface_hub refuses are refused by
// parseHubID: "--" separates the two in the cache.
var hubID = regexp.MustCompile(`^\w[\w.-]{0,95}/\w[\w.-]{0,95}$`)

// hubRevision matches branches, tags, refs/pr/N and commits. Git allows more, but
// a revision is also a file's path in the cache.
var hubRevision = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$`)

// maxRevision bounds a revision, in bytes.
const maxRevision = 200

// parseHubID reads "org/name[@revision]".
func parseHubID(arg string) (id, revision string, err error) {
	id, revision, at := strings.Cut(arg, "@")
	switch {
	case !hubID.MatchString(id) || strings.Contains(id, "--") || strings.Contains(id, "..") ||
		strings.ContainsAny(id[len(id)-1:], "-.") || strings.HasSuffix(id, ".git"):
		return "", "", inputErrorf("%s: there is no such folder, and it is not a hub id, which is org/name[@revision]", shown(arg))
	case at && !validRevision(revision):
		return "", "", inputErrorf("%s: there is no such folder, and %s is not a revision", shown(arg), shown(revision))
	}
	return id, revision, nil
}

func validRevision(revision string) bool {
	return len(revision) <= maxRevision && hubRevision.MatchString(revision) && !strings.Contains(revision, "..")
}

// oneRevision joins the revision of the id with that of the options.
func oneRevision(arg, fromID, option string) (string, error) {
	switch {
	case option != "" && !validRevision(option):
		return "", inputErrorf("%s: %s is not a revision", shown(arg), shown(option))
	case option != "" && fromID != "" && option != fromID:
		return "", inputErrorf("%s: the revision %s was asked for as well", shown(arg), shown(option))
	case option != "":
		return option, nil
	case fromID != "":
		return fromID, nil
	}
	return "main", nil
}

// hub is a server with its cache and what the environment says of them.
type hub struct {
	hubEnv
	client   *http.Client // follows redirects
	probe    *http.Client // stays with the hub's own origin: see stayHome
	progress *hubProgress
	pause    time.Duration // before a broken download is taken up again
	patience time.Duration // with an answer that brings nothing
}

func newHub(progress io.Writer) (*hub, error) {
	env, err := readHubEnv()
	if err != nil {
		return nil, err
	}
	h := &hub{hubEnv: env, pause: firstPause, patience: stallsAfter}
	h.client, h.probe = newClients(env)
	h.progress = newHubProgress(progress, h.hidden)
	return h, nil
}

// hidden takes the token out of a text. No text is made from the token, but a
// server that was sent it could send it back, as part of a name.
func (h *hub) hidden(text string) string {
	if h.token == "" {
		return text
	}
	return strings.ReplaceAll(text, h.token, "(token)")
}

// hide is hidden for an error, which is left as it is where there is nothing to
// take out.
func (h *hub) hide(err error) error {
	if err == nil || h.hidden(err.Error()) == err.Error() {
		return err
	}
	bare := errors.New(h.hidden(err.Error()))
	if errors.Is(err, ErrInput) {
		return &inputError{bare}
	}
	return bare
}

// repo is a repository of a hub at a revision.
type repo struct {
	*hub
	id, revision string
	kind         repoKind
}

func (r *repo) String() string { return r.id + "@" + r.revision }

// resolve returns the snapshot's folder, complete. Where the hub does not answer,
// or not to this user, a complete snapshot in the cache serves all the same, as it
// does in Python.
func (r *repo) resolve(ctx context.Context) (string, error) {
	if r.offline {
		return r.fromCache(ctx, "HF_HUB_OFFLINE is set")
	}
	s, err := r.list(ctx)
	if err == nil {
		if err = s.complete(ctx); err != nil {
			return "", err
		}
		s.remember()
		return s.dir, nil
	}
	if isNotFound(err) || ctx.Err() != nil {
		return "", err
	}
	dir, missing := r.fromCache(ctx, "the hub does not serve it")
	if missing != nil {
		return "", err
	}
	r.progress.say(fmt.Sprintf("using the cached copy of %s: %v", r, err))
	return dir, nil
}

// fromCache returns the folder of a snapshot that is complete in the cache.
func (r *repo) fromCache(ctx context.Context, why string) (string, error) {
	commit, err := r.cachedCommit()
	if err != nil {
		return "", err
	}
	s := r.snapshot(commit)
	if commit == "" || !isDir(s.dir) {
		return "", inputErrorf("%s: %s, and the cache %s does not hold it", r, why, r.cache)
	}
	s.local = true
	if s.files, err = cachedFiles(s.dir); err != nil {
		return "", err
	}
	if err := s.complete(ctx); err != nil {
		return "", fmt.Errorf("%w (%s, and the cached copy is %s)", err, why, s.dir)
	}
	return s.dir, nil
}
