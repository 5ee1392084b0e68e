package vec

// plain is for processors that no other way is for, and the oracle of the tests.
var plain = way{
	name:       "plain",
	addRows:    addRowsPlain,
	mulRows:    mulRowsPlain,
	scaleMul:   scaleMulPlain,
	sumSquares: sumSquaresPlain,
	rotate:     rotatePlain,
	siluMul:    siluMulPlain,
	roundBF16:  roundBF16Plain,
	finite:     finitePlain,
	widenBF16:  widenBF16Plain,
	widenFP16:  widenFP16Plain,
	product:    productPlain,
	softmax:    softmaxPlain,
	sumExp:     sumExpPlain,
	transpose:  transposePlain,
}
