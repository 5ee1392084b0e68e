package tinytext

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/loader"
)

// baseName is what adapters call the model that they belong to.
const baseName = "tinytext-base"

// WriteModel writes a model's config.json and model.safetensors into dir, its
// weights as bfloat16.
func WriteModel(dir string, size Size, weights []loader.NamedTensor) error {
	return errors.Join(os.MkdirAll(dir, 0o777),
		writeJSON(filepath.Join(dir, "config.json"), size.configFile()),
		writeBF16(filepath.Join(dir, "model.safetensors"), weights))
}

// Write writes the adapter into dir as PEFT does: adapter_config.json and
// adapter_model.safetensors, its weights as bfloat16.
func (l *LoRA) Write(dir string) error {
	return errors.Join(os.MkdirAll(dir, 0o777),
		writeJSON(filepath.Join(dir, "adapter_config.json"), object{
			"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": baseName,
			"r": l.Rank, "lora_alpha": l.Alpha, "target_modules": l.Modules, "lora_dropout": 0.0, "bias": "none",
			"fan_in_fan_out": false, "init_lora_weights": true, "inference_mode": true, "modules_to_save": nil,
			"use_rslora": false, "use_dora": false, "rank_pattern": object{}, "alpha_pattern": object{},
			"layers_to_transform": nil, "layers_pattern": nil, "revision": nil,
		}),
		writeBF16(filepath.Join(dir, "adapter_model.safetensors"), l.Tensors))
}

func writeBF16(path string, tensors []loader.NamedTensor) error {
	specs := make([]loader.TensorSpec, len(tensors))
	for i, t := range tensors {
		specs[i] = loader.TensorSpec{Name: t.Name, DType: loader.BF16, Shape: t.Shape}
	}
	w, err := loader.CreateSafetensors(path, specs, map[string]string{"format": "pt"})
	if err != nil {
		return err
	}
	for _, t := range tensors {
		if err := w.WriteFloat32(t.Name, 0, t.Float32); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Commit()
}
