package loader

import (
	"context"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// ResolveAdapterArg is ParseAdapterArg where DIR may be a hub id, too:
// "[NAME=]org/name[@REVISION][@SCALE]". One part after the id that is a finite
// number, and not a commit, is the scale; a revision that looks like a number is
// given with both. The default NAME is the repository's name. o.Revision is not
// used: it is the model's.
func ResolveAdapterArg(ctx context.Context, arg string, o HubOptions) ([]AdapterRef, error) {
	refs, fault := ParseAdapterArg(arg)
	if fault == nil {
		return refs, nil
	}
	name, id, scale, ok := splitHubAdapterArg(arg)
	if base, _, _ := strings.Cut(id, "@"); !ok || exists(base) {
		return nil, fault
	}
	dir, err := ResolveAdapter(ctx, id, HubOptions{Progress: o.Progress})
	if err != nil {
		return nil, fmt.Errorf("--adapter %s: %w", shown(arg), err)
	}
	if name == "" {
		base, _, _ := strings.Cut(id, "@")
		name = path.Base(base)
	}
	return ParseAdapterArg(fmt.Sprintf("%s=%s@%v", name, dir, scale))
}

// splitHubAdapterArg takes the argument apart; id keeps its revision. ok is false
// where the argument holds no hub id.
func splitHubAdapterArg(arg string) (name, id string, scale float64, ok bool) {
	id, scale = arg, 1
	if before, after, named := strings.Cut(arg, "="); named {
		name, id = before, after
		if name == "" {
			return "", "", 0, false
		}
	}
	if at := strings.LastIndexByte(id, '@'); at >= 0 {
		last := id[at+1:]
		number, err := strconv.ParseFloat(last, 64)
		if err == nil && !math.IsInf(number, 0) && !math.IsNaN(number) && !commitHash.MatchString(last) {
			id, scale = id[:at], number
		}
	}
	_, _, err := parseHubID(id)
	return name, id, scale, err == nil
}
