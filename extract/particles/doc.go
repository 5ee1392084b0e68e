// Package particles integrates the attention dynamics of tokens seen as
// interacting particles: a time step is a layer, a particle a token.
//
// # The dynamics
//
// n tokens x_i in R^d move by the attention that they pay to each other,
// P_ij = softmax_j(beta <Q x_i, K x_j>), or over j <= i where it is causal:
//
//	raw             x_i' = sum_j P_ij V x_j
//	rescaled        z_i = e^{-tV} x_i, so z_i' = sum_j P_ij(t) V (z_j - z_i)
//	sphere_softmax  x_i' = (I - x_i x_i') sum_j P_ij V x_j
//	sphere_usa      the same with exp(beta <Q x_i, K x_j>)/n in place of P_ij
//	discrete        x_i <- x_i + h sum_j P_ij V x_j, one step a layer
//	discrete_sphere the same, then x_i <- x_i/|x_i|
//
// and discrete_prenorm, the residual stream of a network without its MLPs, in
// which P and V read x/sqrt(|x|^2/d + eps) while x itself stays as long as it is.
// Several heads add up. Q, K and V may change with time: a System holds layers,
// each of which begins at its own time.
//
// # Attention that neither overflows nor loses ties
//
// The rescaled scores grow like e^{2 mu t}, mu the largest real part of an
// eigenvalue of V, and overflow at t of about 355/mu. They are therefore taken
// with e^{t(V - mu I)}, which stays bounded, and the weight of a token is
// exp(-exp(2 mu t) gap), gap being how far its score lies below the row's
// largest. A gap of 0 is a tie and has weight 1 at any t; every other weight
// goes to 0, as in the limit.
//
// # Integrators
//
// euler is what the paper's script does (it is written as a Runge-Kutta method,
// but its four stages coincide); rk4 evaluates the attention anew in each
// stage; adaptive is the pair of Dormand and Prince of orders 5 and 4 with its
// continuous extension, and the reference for the others.
//
// The presets are the experiments of Koubbi, Boussard and Hernandez (arXiv
// 2402.15415); what their script does otherwise than it says is reproduced only
// where a caller asks for Literal attention or the paper's own measurement.
package particles
