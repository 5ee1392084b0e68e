package analyze

import "fmt"

// Observe notes the massive tokens of a state that is not itself to be
// measured: a choice of layers must not change which tokens the mask leaves
// out.
func (s *Study) Observe(st State) error {
	if st.Variant != Base {
		return nil
	}
	if st.T < 1 || st.D < 1 || len(st.X) != st.T*st.D {
		return fmt.Errorf("%s: %d values for %d tokens and %d coordinates", st.Key, len(st.X), st.T, st.D)
	}
	s.noteMassive(st)
	return nil
}
