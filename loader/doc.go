// Package loader turns what is on disk into typed, validated values that are
// read lazily: a Hugging Face model folder (Open), a PEFT adapter folder
// (OpenAdapter), a fully fine-tuned model beside its base (OpenVariant) and
// single safetensors files (OpenSafetensors, CreateSafetensors). Prompts come
// through ReadPrompts, OpenTokenizer and, for conversations, OpenChat.
//
// A study of what an adapter does to a model is worth nothing when a part of
// the adapter was dropped on the way, or when a field of the configuration
// that changes the numbers was overlooked. Therefore everything here is either
// applied or refused by name: an unknown field, a tensor that no module asks
// for, a module that the configuration selects but the file does not hold. The
// fields known to leave the numbers alone stand in allow-lists (config.go,
// family.go, adapter_config.go), each with its reason.
//
// Files are taken as hostile. Sizes are bounded before memory is asked for,
// products of shapes are computed with an overflow check, and a file that
// changes its size after it was opened is reported and not read. Every error
// that the user can mend by giving other input wraps ErrInput and is one line
// that names the file, the field and the value.
package loader
