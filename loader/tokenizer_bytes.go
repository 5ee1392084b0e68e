package loader

import (
	"strconv"
	"strings"
)

// A vocabulary spells its tokens in one of two ways. Byte-level tokenizers
// (GPT-2, Llama-3, Qwen) write each byte as a printable character of its own;
// those that come from SentencePiece (Llama-2, Mistral) write a space as "▁" and
// a byte of a character they do not know as "<0xE2>".

// Bytes undoes the spelling of a token.
func (t *hfTokenizer) Bytes(id int32) string {
	token := t.tokens[id]
	switch {
	case t.added[id]:
		return token
	case t.byteLevel:
		return unspell(token)
	case len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>':
		if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
			return string([]byte{byte(b)})
		}
	}
	return strings.ReplaceAll(token, "▁", " ")
}

// unspell turns the characters of a byte-level token to the bytes they stand for.
func unspell(token string) string {
	b := make([]byte, 0, len(token))
	for _, r := range token {
		if c, ok := spelledBytes[r]; ok {
			b = append(b, c)
		} else {
			b = append(b, string(r)...)
		}
	}
	return string(b)
}

// spelledBytes is GPT-2's table: printable Latin-1 characters stand for their own
// byte, and the others, in order, for those from U+0100 on.
var spelledBytes = func() map[rune]byte {
	table := make(map[rune]byte, 256)
	next := rune(0x100)
	for c := range rune(256) {
		switch {
		case c >= '!' && c <= '~', c >= 0xA1 && c <= 0xAC, c >= 0xAE:
			table[c] = byte(c)
		default:
			table[next] = byte(c)
			next++
		}
	}
	return table
}()
