package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// What a folder of spectra may hold at most: far above any real call (a model of
// 80 layers of 64 heads has a million values of OV a variant) and low enough that
// a hostile file cannot take all memory.
const (
	maxValues   = 32 << 20
	maxOverlaps = 4 << 20
	maxJoinRows = 4 << 20
	maxIndex    = 1 << 24
	maxHead     = 1 << 16
)

// The headers of the tables, which scripts rely on.
var (
	spectraHeader  = strings.Split("variant,layer,module,head,quantity,index,re,im", ",")
	overlapsHeader = strings.Split("a,b,layer_a,layer_b,module,side,rank_a,rank_b,phi,random,angles", ",")
	joinHeader     = strings.Split("adapter,covariate,target,mask,layer,x,y,x_rest,y_rest,rho,p,shifts,p_max,p_holm", ",")
)

// IsSpectra says whether a folder is one of spectra rather than of a run.
func IsSpectra(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, spectraInfoFile))
	return err == nil
}

// ReadSpectra gives back what a folder of spectra was written from. The files may
// come from anywhere: sizes are bounded, variants must be ones that spectra.json
// knows, and the first thing wrong is one error that names the file, the line
// and the value.
func ReadSpectra(dir string) (*SpectraInfo, *spectra.Result, error) {
	info := &SpectraInfo{}
	if err := readSpectraInfo(filepath.Join(dir, spectraInfoFile), info); err != nil {
		return nil, nil, err
	}
	names := &spectraNames{variants: map[string]bool{spectra.Base: true}, seen: map[string]string{}}
	for _, a := range info.Adapters {
		names.variants[a.Name] = true
	}
	r := &spectra.Result{}
	for _, t := range []struct {
		file   string
		header []string
		most   int
		add    func(*spectraRecord, *spectra.Result)
	}{
		{spectraFile, spectraHeader, maxValues, addValue},
		{overlapsFile, overlapsHeader, maxOverlaps, addOverlap},
		{joinFile, joinHeader, maxJoinRows, addJoin},
	} {
		n := 0
		err := eachRecord(filepath.Join(dir, t.file), t.header, func(rec []string) error {
			if n++; n > t.most {
				return fmt.Errorf("more than %d rows", t.most)
			}
			s := &spectraRecord{fields: rec, header: t.header, names: names}
			t.add(s, r)
			return s.err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return info, r, nil
}

// readSpectraInfo reads spectra.json and checks what the rest relies on.
func readSpectraInfo(path string, info *SpectraInfo) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxRunBytes))
	if err := dec.Decode(info); err != nil {
		return fmt.Errorf("%s: %w", path, oneLine(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: text after the end of the object", path)
	}
	if info.Schema != SpectraSchema {
		return fmt.Errorf("%s: schema=%d is not supported, want %d", path, info.Schema, SpectraSchema)
	}
	seen := map[string]bool{spectra.Base: true}
	for i, a := range info.Adapters {
		if a.Name == "" || seen[a.Name] {
			return fmt.Errorf("%s: adapters[%d].name=%.100q is empty, %q or used twice", path, i, a.Name, spectra.Base)
		}
		seen[a.Name] = true
	}
	return nil
}

// spectraNames is what spectra.json knows, with one copy of each text.
type spectraNames struct {
	variants map[string]bool
	seen     map[string]string
}

// spectraRecord is one line of a table; it keeps the first error.
type spectraRecord struct {
	fields, header []string
	names          *spectraNames
	at             int
	err            error
}

func (s *spectraRecord) next() string { s.at++; return s.fields[s.at-1] }

func (s *spectraRecord) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("%s=%.100q %s", s.header[s.at-1], s.fields[s.at-1], what)
	}
}

// text is a field of any text but none.
func (s *spectraRecord) text() string {
	v := s.next()
	if v == "" {
		s.fail("is empty")
	}
	if t, ok := s.names.seen[v]; ok {
		return t
	}
	v = strings.Clone(v)
	s.names.seen[v] = v
	return v
}

func (s *spectraRecord) variant() string {
	v := s.text()
	if !s.names.variants[v] {
		s.fail("is not in " + spectraInfoFile)
	}
	return v
}

// whole is a whole number from 0 to most.
func (s *spectraRecord) whole(most int) int {
	n, err := strconv.Atoi(s.next())
	if err != nil || n < 0 || n > most {
		s.fail(fmt.Sprintf("is not a number from 0 to %d", most))
	}
	return n
}

// number is a float, or NaN from nothing.
func (s *spectraRecord) number() float64 {
	v, err := parseOptional(s.next())
	if err != nil {
		s.fail("is not a number")
	}
	return v
}

// layer is a block number; nothing stands for what lies in no block.
func (s *spectraRecord) layer() int {
	if s.fields[s.at] == "" {
		s.next()
		return spectra.NoBlock
	}
	return s.whole(maxLayer)
}

func addValue(s *spectraRecord, r *spectra.Result) {
	v := spectra.Value{Variant: s.variant(), Layer: s.layer(), Module: s.text(), Head: spectra.Whole}
	if s.fields[s.at] == "" {
		s.next()
	} else {
		v.Head = s.whole(maxHead)
	}
	v.Quantity, v.Index, v.Re, v.Im = s.text(), s.whole(maxIndex), s.number(), s.number()
	r.Values = append(r.Values, v)
}

func addOverlap(s *spectraRecord, r *spectra.Result) {
	o := spectra.Overlap{A: s.variant(), B: s.variant(), LayerA: s.whole(maxLayer), LayerB: s.layer(), Module: s.text(), Side: s.text(),
		RankA: s.whole(maxIndex), RankB: s.whole(maxIndex), Phi: s.number(), Random: s.number()}
	for _, text := range strings.Fields(s.next()) {
		angle, err := strconv.ParseFloat(text, 64)
		if err != nil || len(o.Angles) > maxHead {
			s.fail("are not angles")
			break
		}
		o.Angles = append(o.Angles, angle)
	}
	r.Overlaps = append(r.Overlaps, o)
}

// addJoin adds a point to the join that it must belong to: the points of one
// follow one another.
func addJoin(s *spectraRecord, r *spectra.Result) {
	j := spectra.Join{Adapter: s.variant(), Covariate: s.text(), Target: s.text(), Mask: s.text()}
	p := spectra.JoinPoint{Layer: s.layer(), X: s.number(), Y: s.number(), XRest: s.number(), YRest: s.number()}
	j.Rho, j.P, j.Shifts, j.PMax, j.PHolm = s.number(), s.number(), s.whole(maxIndex), s.number(), s.number()
	if n := len(r.Joins); n > 0 {
		last := &r.Joins[n-1]
		if last.Adapter == j.Adapter && last.Covariate == j.Covariate && last.Target == j.Target && last.Mask == j.Mask {
			last.Points = append(last.Points, p)
			return
		}
	}
	j.Points = []spectra.JoinPoint{p}
	r.Joins = append(r.Joins, j)
}
