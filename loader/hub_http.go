package loader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// answerError says that the hub did not serve a request. It holds no text of the
// server's and no address, which may be signed.
type answerError struct {
	status int // of HTTP; 0 where no whole answer came
	text   string
}

func (e *answerError) Error() string { return e.text }

// Is makes it an ErrInput where another id, revision or token would help.
func (e *answerError) Is(target error) bool {
	return target == ErrInput && e.status/100 == 4 && e.status != http.StatusTooManyRequests && !e.passing()
}

// passing says that the same request may well be served a moment later.
func (e *answerError) passing() bool {
	return e.status == 0 || e.status == http.StatusRequestTimeout || e.status/100 == 5
}

func isNotFound(err error) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.status == http.StatusNotFound
}

// maxRedirects bounds the steps to where a file is stored; there are one or two.
const maxRedirects = 10

// answerWithin bounds the wait for an answer to begin.
const answerWithin = 30 * time.Second

// newClients makes two clients: the first follows redirects, the second only
// those that stay with the hub. What the hub knows of a file stands in the answer
// that redirects to its storage, and is lost behind that redirect.
func newClients(env hubEnv) (client, probe *http.Client) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerWithin
	hub := &hubTransport{transport, env}
	client = &http.Client{Transport: hub, CheckRedirect: checkRedirect}
	probe = &http.Client{Transport: hub, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if !sameOrigin(req.URL, env.endpoint) {
			return http.ErrUseLastResponse
		}
		return checkRedirect(req, via)
	}}
	return client, probe
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("a redirect from https to http")
	}
	return nil
}

// hubTransport adds the token to a request by where the request goes, so that no
// redirect can carry it elsewhere. net/http's own rule compares hosts without
// their ports, and lets subdomains have it.
type hubTransport struct {
	base *http.Transport
	env  hubEnv
}

func (t *hubTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "layerclust")
	req.Header.Set("Accept-Encoding", "identity") // a range of a compressed file is of no use
	if t.env.token != "" && sameOrigin(req.URL, t.env.endpoint) {
		req.Header.Set("Authorization", "Bearer "+t.env.token)
	}
	return t.base.RoundTrip(req)
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return u.Port()
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// request asks the hub for a path of its own, from a byte on where from > 0. An
// answer that is no success is an *answerError about what was asked for.
func (r *repo) request(ctx context.Context, client *http.Client, method, path, what string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.endpoint.String()+path, nil)
	if err != nil {
		return nil, inputErrorf("%s: %s has no address on %s", r, shown(what), r.endpoint.Host)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, r.unreached(ctx, err)
	}
	if resp.StatusCode >= 400 {
		resp.Body.Close()
		return nil, r.refusal(resp, what)
	}
	return resp, nil
}

// unreached is the error of a request or an answer that broke off. The error of
// package http holds the address: what it wraps is all there is to say.
func (r *repo) unreached(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return cause
	} else if cause != nil {
		err = cause
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return &answerError{0, fmt.Sprintf("%s: no whole answer from %s: %s", r, r.endpoint.Host, firstLine(err.Error()))}
}

// refusal says in one line what a status means and what to do about it.
func (r *repo) refusal(resp *http.Response, what string) error {
	host, page := r.endpoint.Host, r.endpoint.String()+"/"+r.id
	code := resp.Header.Get("X-Error-Code")
	text := fmt.Sprintf("%s: %s answers %d to the request for %s; try again later", r, host, resp.StatusCode, what)
	switch status := resp.StatusCode; {
	case code == "RevisionNotFound":
		text = fmt.Sprintf("%s: %s has no revision %s", host, r.id, shown(r.revision))
	case status == http.StatusNotFound && (what == listingName || code == "RepoNotFound"):
		text = fmt.Sprintf("%s: there is no such folder, and %s has no such repository", r.id, host)
	case status == http.StatusNotFound:
		text = fmt.Sprintf("%s: %s has no %s", r, host, what)
	case status == http.StatusUnauthorized && r.token != "" && code != "GatedRepo":
		text = fmt.Sprintf("%s: %s does not accept the token, or has no such repository; check HF_TOKEN and the id", r.id, host)
	case status == http.StatusUnauthorized && code != "GatedRepo":
		text = fmt.Sprintf("%s: there is no such folder, and %s has no such repository, or it is private or gated: "+
			"then ask for access at %s and set HF_TOKEN to a token that may read it", r.id, host, page)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		text = fmt.Sprintf("%s is gated or private: ask for access at %s and set HF_TOKEN to a token that may read it", r.id, page)
		if r.token != "" {
			text += "; the one that was sent may not"
		}
	case status == http.StatusTooManyRequests:
		text = fmt.Sprintf("%s: %s asks for fewer requests; try again %s", r, host, retryAfter(resp.Header))
		if r.token == "" {
			text += ", or set HF_TOKEN, which raises the limit"
		}
	}
	return &answerError{resp.StatusCode, text}
}

// retryAfter puts the header of that name in words.
func retryAfter(header http.Header) string {
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 32); err == nil {
		return fmt.Sprintf("in %d s", seconds)
	}
	return "later"
}

// listingName stands for the list of a repository's files in errors.
const listingName = "its list of files"

// maxListing bounds the list, in bytes; 100 bytes a file are usual.
const maxListing = 64 << 20

// listing is the part of the hub's answer about a revision that is used.
type listing struct {
	Commit string `json:"sha"`
	Files  []struct {
		Name string `json:"rfilename"`
		Size *int64 `json:"size"`
		Git  string `json:"blobId"` // git's id, SHA-1
		LFS  *struct {
			SHA256 string `json:"sha256"`
		} `json:"lfs"` // of a file in large file storage
	} `json:"siblings"`
}

// commitHash and largeHash match git's ids and SHA-256 sums.
var (
	commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)
	largeHash  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// list asks the hub what the repository holds at its revision.
func (r *repo) list(ctx context.Context) (*snapshot, error) {
	path := "/api/models/" + r.id + "/revision/" + url.PathEscape(r.revision) + "?blobs=true"
	resp, err := r.request(ctx, r.client, http.MethodGet, path, listingName, 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxListing+1))
	if err != nil {
		return nil, r.unreached(ctx, err)
	}
	var l listing
	if err := json.Unmarshal(data, &l); err != nil || len(data) > maxListing || !commitHash.MatchString(l.Commit) {
		return nil, &answerError{0, fmt.Sprintf("%s: %s does not answer as a hub does; check HF_ENDPOINT and the network", r, r.endpoint.Host)}
	}
	s := r.snapshot(l.Commit)
	for _, file := range l.Files {
		f := hubFile{name: file.Name, size: -1}
		if file.Size != nil && *file.Size >= 0 {
			f.size = *file.Size
		}
		switch {
		case file.LFS != nil && largeHash.MatchString(file.LFS.SHA256):
			f.etag = file.LFS.SHA256
		case file.LFS == nil && commitHash.MatchString(file.Git):
			f.etag = file.Git
		}
		s.files[f.name] = f
	}
	return s, nil
}

// plainETag matches an ETag that can name a blob.
var plainETag = regexp.MustCompile(`^[A-Za-z0-9_+=-]{8,128}$`)

// describe fills in what the list did not say of a file: a mirror may not serve
// it. The answer's headers do.
func (s *snapshot) describe(ctx context.Context, f hubFile) (hubFile, error) {
	if f.etag != "" && f.size >= 0 {
		return f, nil
	}
	resp, err := s.request(ctx, s.probe, http.MethodHead, s.filePath(f.name), f.name, 0)
	if err != nil {
		return f, err
	}
	resp.Body.Close()
	etag, size := resp.Header.Get("X-Linked-Etag"), resp.Header.Get("X-Linked-Size")
	if resp.StatusCode == http.StatusOK { // not a redirect, whose own ETag is another
		if etag == "" {
			etag = resp.Header.Get("ETag")
		}
		if size == "" {
			size = resp.Header.Get("Content-Length")
		}
	}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil && n >= 0 && f.size < 0 {
		f.size = n
	}
	if f.etag == "" {
		f.etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	}
	if !plainETag.MatchString(f.etag) {
		return f, &answerError{0, fmt.Sprintf("%s: %s does not say which %s it serves: the ETag is missing", s, s.endpoint.Host, f.name)}
	}
	return f, nil
}

// filePath is a file's path on the hub.
func (s *snapshot) filePath(name string) string {
	return "/" + s.id + "/resolve/" + s.commit + "/" + (&url.URL{Path: name}).EscapedPath()
}
