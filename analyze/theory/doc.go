// Package theory holds what is proved or predicted about the attention
// dynamics of extract/particles under a change of Q'K or V, such as a LoRA
// adapter makes.
//
// Koubbi, Boussard and Hernandez (arXiv 2402.15415) state theorems on the same
// questions. Their constants are not all known to this project, so what stands
// here is of two kinds, and each Bound says of which:
//
//   - derived: proved here, with every constant explicit, and tested against
//     simulations. It is not the paper's theorem.
//   - condition: an inequality of the paper's second version as it is known
//     from notes; its left and right sides are computed, its unstated constants
//     are not invented.
//
// Every Bound lists its assumptions with whether the input meets them. A value
// whose assumptions fail is still given where it can be computed, and says
// nothing.
//
// Notation: B = Q'K, so that the score of tokens i and j is <x_i, B x_j>, beta
// in front of it; DB and DV are adapted minus base, scales included.
package theory
