// Package spectra reads off weights what theory asks of them: how large, of what
// rank and in which directions an adapter's update is, the eigenvalues of the maps
// that attention applies, and what the update does to those.
//
// A weight W (out, in) acts as y = W x, as PyTorch stores it. The objects:
//
//	s B A          the update of LoRA, B (out, r), A (r, in): its nonzero singular
//	               values and eigenvalues are those of r x r matrices, so the
//	               product is never formed
//	V              v_proj, what the paper looks at: square without grouped heads only,
//	               and no map from the residual stream to itself
//	OV_h = W_O,h W_V,h    (d, d) of rank head_dim or less: the map of head h from
//	               residual to residual; its nonzero eigenvalues are those of the
//	               (head_dim, head_dim) product in the other order
//	QK_h = W_Q,h' R W_K,g (d, d) of the same rank: the bilinear form of the scores of
//	               head h, R the rotation of RoPE at an offset, g the head's group
//	K'Q            the paper's sum of the transposed QK_h over the heads of a layer
//
// Everything is computed in float64 from the values that the files hold.
package spectra
