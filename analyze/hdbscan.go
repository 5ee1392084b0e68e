package analyze

import (
	"cmp"
	"math"
	"slices"
)

// Noise is the label of a token that belongs to no cluster.
const Noise = -1

// HDBSCANOptions are the choices of HDBSCAN.
type HDBSCANOptions struct {
	MinClusterSize int // the fewest points of a cluster, at least 2
	MinSamples     int // neighbours that set the core distance, the point itself counted
	// Root is the distance at which the whole cloud is born as a candidate
	// cluster. 0: it is never one (scikit-learn's default). +Inf: it always is
	// one, credited with all densities from 0 up (allow_single_cluster=True).
	// In between, only densities above 1/Root count for it, and only points
	// that are still joined at Root are its members.
	Root float64
}

// HDBSCAN clusters n points by density from their distances dist (n, n),
// symmetric and not negative, and returns a label per point, numbered by first
// point, or Noise (Campello, Moulavi and Sander 2013; clusters selected by
// excess of mass). It agrees with sklearn.cluster.HDBSCAN(metric="precomputed")
// up to the names of labels; where scikit-learn leaves the order of equal
// distances to an unstable sort, the order here is that in which Prim's
// algorithm from point 0 meets them. Such ties are common: a point as far from
// one cluster as from another by its core distance falls to the one met first.
//
// The one difference is a single cluster of everything: scikit-learn then calls
// every point noise that leaves before the last split, here all points that are
// joined at Root are its members (scikit-learn's rule with
// cluster_selection_epsilon = Root).
func HDBSCAN(dist []float64, n int, o HDBSCANOptions) []int {
	checkShape(len(dist), n, n)
	near := make([]float64, len(dist)) // (n, n)
	for i, d := range dist {
		near[i] = -d
	}
	return hdbscan(near, n, math.Inf(1), func(near float64) float64 { return -near }, o)
}

// hdbscan takes any measure of nearness (n, n) that falls as distance grows, and
// by which all points at the ceiling and above are equally near. Only the n-1 joins of the spanning tree need to become distances, which
// spares an arc cosine for every pair.
func hdbscan(near []float64, n int, ceiling float64, distance func(near float64) float64, o HDBSCANOptions) []int {
	if o.MinClusterSize < 2 || o.MinSamples < 1 {
		panic("analyze: HDBSCAN needs MinClusterSize >= 2 and MinSamples >= 1")
	}
	if n < o.MinClusterSize {
		return slices.Repeat([]int{Noise}, n)
	}
	core := coreNearness(near, n, o.MinSamples)
	for i, c := range core {
		core[i] = min(c, ceiling) // and so every mutual reachability
	}
	order, joins := chain(near, n, core)
	for i, v := range joins {
		joins[i] = distance(v)
	}
	return condense(linkage(order, joins), n, o).labels(n)
}

// coreNearness returns how near each point's k-th nearest is, the point itself
// counted as the first, (n); its farthest where there are fewer than k points.
func coreNearness(near []float64, n, k int) []float64 {
	core := make([]float64, n)
	k = min(k, n) - 1                  // other points
	nearest := make([]float64, 0, k+1) // the k nearest others so far, descending
	for i := range core {
		nearest = nearest[:0]
		for j, v := range near[i*n : (i+1)*n] {
			if j == i || len(nearest) == k && (k == 0 || v <= nearest[k-1]) {
				continue
			}
			at := len(nearest)
			for at > 0 && v > nearest[at-1] {
				at--
			}
			nearest = slices.Insert(nearest, at, v)
			nearest = nearest[:min(len(nearest), k)]
		}
		core[i] = math.Inf(1)
		if k > 0 {
			core[i] = nearest[k-1]
		}
	}
	return core
}

// merge joins two subtrees of the single-linkage tree: numbers below n are
// points, n+i is the i-th merge.
type merge struct {
	left, right int
	distance    float64
	size        int
}

// linkage turns the chain of n points into the n-1 merges of their
// single-linkage tree, nearest first.
func linkage(order []int, joins []float64) []merge {
	n := len(order)
	edges := make([]int, len(joins)) // by distance
	for i := range edges {
		edges[i] = i
	}
	slices.SortStableFunc(edges, func(a, b int) int { return cmp.Compare(joins[a], joins[b]) })
	merges := make([]merge, 0, len(joins))
	parent := make([]int, 2*n-1) // of subtrees; the root of its own
	size := make([]int, 2*n-1)
	for i := range parent {
		parent[i], size[i] = i, 1
	}
	find := func(x int) int {
		for parent[x] != x {
			parent[x] = parent[parent[x]]
			x = parent[x]
		}
		return x
	}
	for i, e := range edges {
		l, r := find(order[e]), find(order[e+1])
		m := merge{left: l, right: r, distance: joins[e], size: size[l] + size[r]}
		parent[l], parent[r], size[n+i] = n+i, n+i, m.size
		merges = append(merges, m)
	}
	return merges
}

// cluster is a node of the condensed tree: a set of points that stays together
// over a range of densities 1/distance while points fall off it.
type cluster struct {
	parent    int // -1 for the root
	children  []int
	birth     float64 // density at which it splits off its parent
	stability float64 // sum over its points of the density at leaving less birth
	points    []int   // that fall off it, not in a child
	leaving   []float64
	selected  bool
}

type condensed struct {
	clusters []cluster // parents before children
	root     HDBSCANOptions
}

// condense walks the tree of merges from the top, breadth first. A split into
// two parts of MinClusterSize or more makes two new clusters; otherwise the
// smaller part's points fall off and the cluster goes on.
func condense(merges []merge, n int, o HDBSCANOptions) *condensed {
	c := &condensed{clusters: []cluster{{parent: -1, birth: 1 / o.Root}}, root: o}
	sizeOf := func(x int) int {
		if x < n {
			return 1
		}
		return merges[x-n].size
	}
	type item struct{ node, cluster int }
	for queue := []item{{n + len(merges) - 1, 0}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		m := merges[at.node-n]
		density := 1 / max(m.distance, leastDistance)
		big := make([]int, 0, 2)
		for _, part := range []int{m.left, m.right} {
			if sizeOf(part) >= o.MinClusterSize {
				big = append(big, part)
			} else {
				c.fallOff(at.cluster, leaves(merges, n, part), density)
			}
		}
		for _, part := range big {
			to := at.cluster
			if len(big) == 2 {
				to = c.split(at.cluster, density, sizeOf(part))
			}
			queue = append(queue, item{part, to})
		}
	}
	return c
}

// leastDistance keeps the density of points at distance zero finite.
const leastDistance = 1e-150

// fallOff records that points leave cluster k at the given density.
func (c *condensed) fallOff(k int, points []int, density float64) {
	cl := &c.clusters[k]
	for _, p := range points {
		cl.points, cl.leaving = append(cl.points, p), append(cl.leaving, density)
		cl.stability += c.gain(k, density)
	}
}

// split makes a child of cluster k, born at the given density, and returns it.
func (c *condensed) split(k int, density float64, size int) int {
	child := len(c.clusters)
	c.clusters = append(c.clusters, cluster{parent: k, birth: density})
	c.clusters[k].children = append(c.clusters[k].children, child)
	c.clusters[k].stability += c.gain(k, density) * float64(size)
	return child
}

// gain is what one point adds to the stability of cluster k when it leaves. A
// point that leaves the root before Root was never in it.
func (c *condensed) gain(k int, density float64) float64 {
	return max(density-c.clusters[k].birth, 0)
}

// leaves returns the points under a node of the tree of merges.
func leaves(merges []merge, n, node int) []int {
	var points []int
	for stack := []int{node}; len(stack) > 0; {
		x := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if x < n {
			points = append(points, x)
		} else {
			stack = append(stack, merges[x-n].right, merges[x-n].left)
		}
	}
	return points
}

// labels selects the clusters of greatest total stability, no two of which
// overlap, and labels every point of each.
func (c *condensed) labels(n int) []int {
	best := make([]float64, len(c.clusters)) // stability of the best selection below
	for k := len(c.clusters) - 1; k >= 0; k-- {
		cl := &c.clusters[k]
		for _, child := range cl.children {
			best[k] += best[child]
		}
		if rootless := k == 0 && c.root.Root <= 0; !rootless && best[k] <= cl.stability {
			cl.selected, best[k] = true, cl.stability
		}
	}
	labels := slices.Repeat([]int{Noise}, n)
	owner := make([]int, len(c.clusters)) // the outermost selected ancestor or Noise
	for k, cl := range c.clusters {
		owner[k] = Noise
		if cl.parent >= 0 {
			owner[k] = owner[cl.parent]
		}
		if owner[k] == Noise && cl.selected {
			owner[k] = k
		}
		for i, p := range cl.points {
			if owner[k] != 0 || cl.leaving[i] >= c.clusters[0].birth {
				labels[p] = owner[k]
			}
		}
	}
	return renumber(labels)
}

// countClusters returns the number of clusters, the share of noise and the
// share of the largest cluster. NaN shares for no labels.
func countClusters(labels []int) (clusters int, noise, largest float64) {
	size := map[int]int{}
	biggest := 0
	for _, l := range labels {
		size[l]++
		if l != Noise {
			biggest = max(biggest, size[l])
		}
	}
	if len(labels) == 0 {
		return 0, math.NaN(), math.NaN()
	}
	noise = float64(size[Noise]) / float64(len(labels))
	delete(size, Noise)
	return len(size), noise, float64(biggest) / float64(len(labels))
}
