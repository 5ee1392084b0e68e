// Package analyze measures how the tokens of a prompt cluster at each depth of
// a model, and what an adapter does to that.
//
// # One reduction, many measures
//
// A forward pass delivers the states layer by layer, but the tokens that the
// default mask leaves out are known only after the last layer: a token is
// dropped everywhere when it is massive anywhere. Keeping every state until
// then would cost the whole trace. All measures of this package except the
// drift and the massive tokens are unchanged by a rotation of the states, and
// such a measure is a function of the inner products of the tokens alone. So a
// state X (T, D) is reduced, as it arrives, to its Gram matrix X X' (T, T) in
// float64; dropping tokens later is taking a submatrix. Centring, cosines,
// angles, singular values and HSIC all follow from it exactly.
//
// # The path
//
// A Study takes the states one at a time (Add) and hands the reduced clouds to
// a Store of the caller, since this package does no file I/O. Finish reads
// them back under the masks, describes each state (Emergence), sets each
// adapter beside the base (Compare), averages over prompts with bootstrap
// intervals, and returns the tables of a Result.
//
// # Undefined values
//
// A measure that is not defined for a state (a mean over pairs of one token,
// the effective rank of an all-zero state) is left out: no row says NaN.
// Definitions lists every measure with its formula, source and such cases.
//
// # Cost
//
// Of T tokens with D coordinates a state costs T^2 D products when it is added
// and 8/3 T^3 when it is described, twice where the mask leaves tokens out; the
// rest is of order T^2. The products are made by kernels in assembly, on all
// cores. While the states come, memory holds one of them and its Gram matrix;
// during Finish each goroutine has the matrices of one place in its workspace.
// What grows with the prompts is the tables alone: of each state some 75 rows of
// 72 bytes, two histograms of 400 and 8 bytes a token, about 6 kB and 8 T bytes.
//
// # Determinism
//
// Each number is computed by one goroutine in one order of operations, so the
// results are the same bytes whatever the number of threads, and with AVX-512 as
// with AVX2 (DNNL_MAX_CPU_ISA=AVX2 or AVX holds the kernels to less than the
// processor has). The kernels fuse multiply and add, so the last digits may
// differ between machines with and without AVX2.
package analyze
