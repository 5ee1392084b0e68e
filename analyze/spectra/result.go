package spectra

// Base is the variant without an adapter.
const Base = "base"

// Whole is the Head of what belongs to a whole matrix.
const Whole = -1

// NoBlock is the Layer of what lies in no block: the embedding and the head. Its
// field in the tables is empty.
const NoBlock = -1

// Value is one row of spectra.csv.
type Value struct {
	Variant  string // Base or an adapter's name
	Layer    int    // block number, or NoBlock
	Module   string // q_proj ... down_proj; attn for what two projections make
	Head     int    // or Whole
	Quantity string
	Index    int // 0 is the largest
	Re, Im   float64
}

// Overlap compares the column (left) or row (right) spaces of two adapters'
// updates of one module, or those of one adapter in two layers.
type Overlap struct {
	A, B           string
	LayerA, LayerB int
	Module         string
	Side           string    // left: outputs; right: inputs
	RankA, RankB   int       // of the leading subspaces compared
	Phi            float64   // |U_A' U_B|_F^2 / min(RankA, RankB), Hu et al. 2021, section 7.2
	Random         float64   // what Phi is in the mean for random subspaces of these ranks: max(RankA, RankB)/d
	Angles         []float64 // principal angles, radians, from the smallest
}

// Result is everything one call of the command found.
type Result struct {
	Values   []Value
	Overlaps []Overlap
	Joins    []Join
}

// Join sets what an adapter did to the weights of each layer against what it did
// to the tokens there.
type Join struct {
	Adapter   string
	Covariate string // what changed in the weights, with its module: relative_norm v_proj; "all" is the sum over modules
	Target    string // what moved, of the run's metrics.csv: drift, 1-ami_base, clusters_delta
	Mask      string
	Points    []JoinPoint
	Rho       float64 // Spearman's, of the parts left when the trend over depth is removed
	P         float64 // two-sided, over all circular shifts of one series; at least 1/len(Points)
	Shifts    int     // shifts compared, the identity among them
	PMax      float64 // P corrected for the adapter's joins over the same blocks: the share of shifts at which the largest |rho| of all of them reaches |Rho|
	PHolm     float64 // P corrected by Holm over all joins; at least their number over Shifts, so that in a long table it can only be 1
}

// JoinPoint is one layer of a Join.
type JoinPoint struct {
	Layer        int
	X, Y         float64 // covariate and increment of the target over the block
	XRest, YRest float64 // what the trend over depth leaves of their ranks
}
