package loader

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSameOrigin(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"https://huggingface.co/x", "https://HuggingFace.co:443/y?z", true},
		{"http://127.0.0.1:80", "http://127.0.0.1", true},
		{"https://huggingface.co", "http://huggingface.co", false},
		{"https://huggingface.co", "https://cdn.huggingface.co", false},
		{"http://127.0.0.1:8000", "http://127.0.0.1:8001", false},
		{"https://huggingface.co", "https://huggingface.co.example", false},
	} {
		if got := sameOrigin(mustURL(t, test.a), mustURL(t, test.b)); got != test.same {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

func TestCheckRedirect(t *testing.T) {
	request := func(text string) *http.Request { return &http.Request{URL: mustURL(t, text)} }
	if err := checkRedirect(request("https://b"), []*http.Request{request("https://a")}); err != nil {
		t.Error(err)
	}
	if err := checkRedirect(request("http://b"), []*http.Request{request("https://a")}); err == nil {
		t.Error("a redirect to http was followed")
	}

	h := newTestHub(t, wholeModel())
	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
		return true
	}
	failing(t, "org/name", HubOptions{}, "more than 10 redirects")
}

// A mirror may live below a path, and names may hold signs that need escapes.
func TestHubPaths(t *testing.T) {
	h := newTestHub(t, wholeModel())
	h.Config.Handler = http.StripPrefix("/mirror", h.Config.Handler)
	t.Setenv("HF_ENDPOINT", h.URL+"/mirror/")
	h.commits["refs/pr/1"] = testCommit
	mustResolve(t, h, "org/name@refs/pr/1", HubOptions{}, wantedOfWholeModel...)
	s := (&repo{hub: &hub{}, id: "org/name"}).snapshot(testCommit)
	if got := s.filePath("a b?#.safetensors"); !strings.HasSuffix(got, "/a%20b%3F%23.safetensors") {
		t.Errorf("path %s", got)
	}
}
