package main

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// The files of a job in OUT/.partial, besides the results on their way:
//
//	checkpoint/   the residual streams behind a block, written by extract
//	clouds        the store of the measures
//	sink-12       what else the job knows of the states of the first 12 blocks
//
// extract names the layer of its checkpoint last, after sink-12 and all that it
// speaks of are on the disk. So the two are always of one layer, whenever the
// process ends.
const (
	checkpointDir = "checkpoint"
	cloudsName    = "clouds"
	sinkPrefix    = "sink-"
)

// sink is what a job has taken in of the states so far.
type sink struct {
	Clouds  int64  // bytes of the store
	Missing int64  // of stateFiles
	Study   []byte // its snapshot
}

// checkpoints is the folder of the forward pass.
func (j *job) checkpoints() string { return filepath.Join(j.out.partial, checkpointDir) }

// attach gives the forward pass what it has to tell the job.
func (j *job) attach(o extract.Options) extract.Options {
	o.Progress, o.Saved, o.Dir, o.SaveEvery = j.progress.forward, j.save, j.checkpoints(), saveEvery
	return o
}

// restore takes up what an ended run has left. Where there is nothing, or it is
// not whole, the job begins anew.
func (j *job) restore(measured, resume, fresh bool) error {
	if j.out.resumed && resume {
		if layer, ok := extract.Finished(j.checkpoints()); ok {
			if j.goOn(layer, measured) == nil {
				j.progress.say("going on from layer %d", layer)
				return nil
			}
			j.progress.say("warning: what an ended run left in %s is damaged: beginning anew", j.out.partial)
		}
	}
	if err := j.out.restart(fresh); err != nil {
		return err
	}
	if err := j.open(measured, 0); err != nil || j.files == nil {
		return err
	}
	return j.files.create()
}

// goOn brings study and files back to where they were behind a layer.
func (j *job) goOn(layer int, measured bool) error {
	body, err := readChecked(j.sinkName(layer))
	if err != nil {
		return err
	}
	var s sink
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&s); err != nil {
		return err
	}
	if err := j.open(measured, s.Clouds); err != nil {
		return err
	}
	if err := j.study.Restore(bytes.NewReader(s.Study)); err != nil {
		return err
	}
	if j.files != nil {
		if err := j.files.reopen(s.Missing); err != nil {
			return err
		}
	}
	j.saves, j.from = []int{layer}, layer
	j.out.durable = true
	return nil
}

// open makes the study, and its store where something is measured.
func (j *job) open(measured bool, clouds int64) error {
	j.study = analyze.NewStudy(nil, nil)
	if !measured {
		return nil
	}
	if j.spill != nil {
		j.spill.close() // of an attempt to go on
	}
	var err error
	if j.spill, err = openSpill(filepath.Join(j.out.partial, cloudsName), clouds); err != nil {
		return err
	}
	j.study = analyze.NewStudy(j.spill, j.in.names())
	return nil
}

// save makes durable what the job was given of the states of the first layers,
// before extract makes a checkpoint of them. The save before is still needed
// until there is that checkpoint.
func (j *job) save(layer int) error {
	var study bytes.Buffer
	if err := j.study.Snapshot(&study); err != nil {
		return err
	}
	s := sink{Study: study.Bytes()}
	if j.files != nil {
		if err := j.files.sync(); err != nil {
			return err
		}
		s.Missing = j.files.missing
	}
	if j.spill != nil {
		if err := j.spill.file.Sync(); err != nil {
			return err
		}
		s.Clouds = j.spill.size
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return err
	}
	if err := writeChecked(j.sinkName(layer), body.Bytes()); err != nil {
		return err
	}
	j.saves = append(j.saves, layer)
	for len(j.saves) > 2 {
		os.Remove(j.sinkName(j.saves[0]))
		j.saves = j.saves[1:]
	}
	j.out.durable = true
	return nil
}

func (j *job) sinkName(layer int) string {
	return filepath.Join(j.out.partial, fmt.Sprintf("%s%d", sinkPrefix, layer))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writeChecked writes a file that readChecked takes only whole, and makes it
// durable: the body, then its CRC-32C.
func writeChecked(path string, body []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, castagnoli)))
	return errors.Join(err, f.Sync(), f.Close())
}

func readChecked(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	body, sum := data[:max(0, len(data)-4)], data[max(0, len(data)-4):]
	if len(sum) != 4 || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return nil, fmt.Errorf("%s is not whole", path)
	}
	return body, nil
}

// unfinished is the error of a job that the same command goes on with.
type unfinished struct {
	error
	fresh bool   // it was begun with --fresh, which would begin again
	at    string // where it goes on, as "layer 3 of 8"
}

func (u unfinished) Error() string {
	without := ""
	if u.fresh {
		without = " without --fresh"
	}
	return fmt.Sprintf("%v; the same command%s goes on from %s", u.error, without, u.at)
}

func (u unfinished) Unwrap() error { return u.error }

// worthResuming says whether the same command may end well another time: after
// an interruption, a full disk or a fault of this program; not where an input
// is at fault, which has to change first. A job in a panic has no error.
func worthResuming(err error) bool {
	return !errors.Is(err, loader.ErrInput) || errors.As(err, new(writeFault))
}
