// Package vec has the float32 loops of one Llama block that are not matrix
// products with weights: norms, rotary embedding, the gate of the MLP, sums,
// conversions, and causal attention.
//
// Every function runs on the goroutine that calls it, allocates nothing, takes
// any length, and gives one row the same bits whatever rows are beside it. It
// panics where lengths do not fit, as gonum does.
//
// There are three ways to run each loop, in a table of functions: AVX-512, AVX2
// with FMA, and plain Go, which is what other processors and builds without the
// simd experiment have and what the tests compare with. The processor chooses at
// start, and the environment variables that cap oneDNN cap this package too.
//
// # exp
//
// math.Exp is called nowhere: it turns 150 times slower when the upper halves of
// the vector registers are dirty, which a preempted goroutine cannot prevent. For
// x = n ln 2 + r with |r| <= ln(2)/2,
//
//	exp(x) = 2ⁿ (1 + r + r² q(r))
//
// with q of degree 4, fitted for the least greatest relative error. Below -87 the
// result is 0, so that no denormal number arises: one would cost as much as a
// hundred others.
//
// # Attention
//
// Queries are the lanes, 64 beside each other: with Q and the output transposed,
// both products have the form
//
//	C (rows, 64) += A (rows, n) B (n, 64)
//
// where A is K or Vᵀ, read one scalar at a time in the order it lies in memory, and
// B is Qᵀ or the weights of the softmax. So K and V are never transposed, and the
// softmax has no sum across lanes. Keys come in blocks of 64, which several heads or
// blocks of queries take in turn while the cache holds them; the maximum and the
// sum of each query run along (online softmax: Milakov and Gimelshein 2018,
// arXiv:1805.02867).
//
// That product is the one loop in assembler: the compiler of Go 1.27 reaches 55% of
// its speed with AVX-512 intrinsics. It carries at most 15 vectors from one round of
// a loop to the next, overwrites a factor in each fused multiply and add instead of
// the sum, and broadcasts a scalar from a register, in a port that the
// multiplications need, instead of from memory.
package vec
