"""Makes chat.json: conversations under chat templates, as transformers has them.

Run with transformers 5.23 and jinja2 3.1.6 (the versions used are written into
the file) and the fixtures of the project (LAYERCLUST_FIXTURES, else
../shared/fixtures beside the project):

    python3 make_chat_goldens.py

The templates in chat/ were written for this purpose in the styles that models
use; "smollm2" is the real template of SmolLM2-135M-Instruct, from the fixtures.
Each is applied through AutoTokenizer.apply_chat_template with a real tokenizer:
text (tokenize=False) and, with the defaults of transformers, ids. A conversation
that a template refuses has the message of its exception.

"words" are the tokens of a text that overlap an occurrence of a word, found by
Python's re and the tokenizer's offsets.
"""

import datetime
import json
import os
import pathlib
import re

import jinja2
import transformers
from transformers import AutoTokenizer
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent
FIXTURES = pathlib.Path(os.environ.get("LAYERCLUST_FIXTURES", HERE.parents[2] / "shared" / "fixtures"))
DATE = datetime.datetime(2024, 7, 26)  # what strftime_now is told

TOKENIZERS = ["tokenizers/llama-2", "models/smollm2-135m"]

CHATS = {
    "one": [("user", "Which planet is the largest?")],
    "system": [("system", "You are terse."), ("user", "  Hi there!  ")],
    "turns": [
        ("system", " Speak <b>plainly</b> & truly. "),
        ("user", "Name a colour.\n"),
        ("assistant", "Blue.\n"),
        ("user", "Another \"one\", s'il vous plaît: naïve façade, 日本語, 😀"),
        ("assistant", "<think>\nred or green\n</think>\n\nGreen."),
        ("user", "Thanks"),
    ],
    "no-system": [("user", "a"), ("assistant", " b "), ("user", "c"), ("assistant", "<think>why</think>d")],
    "order": [("user", "a"), ("user", "b")],
    "tokens-in-text": [("user", "</s><|im_end|>[/INST] <s> \t{{ x }}\r\n")],
    "empty": [("user", "")],
}

WORDS = ["cat", "new york", "café", "日本語", "naïve", "C++", "it's", "😀", "_x", "Σίσυφος"]
TEXTS = [
    "The cat sat. Cats do not concatenate; a CAT, cat_a, cat-nap.",
    "In New\nYork and new  york, not NewYork or New Yorker, it's IT'S its.",
    "Un café NAÏVE; cafés naïvement, le Café. 日本語 日本 語 日本語だ 😀😀 c++ C+++ _x a_x ΣΊΣΥΦΟΣ",
]


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return DATE


def apply(tokenizer, template, chat, generation):
    messages = [{"role": role, "content": content} for role, content in chat]
    options = {"chat_template": template, "add_generation_prompt": generation}
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except jinja2.TemplateError as e:
        return {"error": str(e)}
    ids = tokenizer.apply_chat_template(messages, **options)["input_ids"]
    return {"text": text, "ids": ids}


def positions(tokenizer, text):
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans = []
    for word in WORDS:
        pattern = re.escape(word).replace(r"\ ", r"\s+")
        start = r"(?<!\w)" if re.match(r"\w", word[0]) else ""
        end = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
        spans += [m.span() for m in re.finditer(start + pattern + end, text, re.IGNORECASE)]
    offsets = enumerate(encoded["offset_mapping"])
    return {"ids": encoded["input_ids"], "positions": [i for i, (a, b) in offsets if any(a < e and s < b for s, e in spans)]}


def main():
    chat_template_utils.datetime = FixedDate
    templates = {p.stem: p.read_text(encoding="utf-8") for p in sorted((HERE / "chat").glob("*.jinja"))}
    templates["smollm2"] = None  # the tokenizer's own
    goldens, words = [], []
    for folder in TOKENIZERS:
        tokenizer = AutoTokenizer.from_pretrained(FIXTURES / folder)
        words += [{"tokenizer": folder, "text": text} | positions(tokenizer, text) for text in TEXTS]
        for template, source in templates.items():
            if source is None and tokenizer.chat_template is None:
                continue
            for chat, messages in CHATS.items():
                for generation in (False, True):
                    golden = {"tokenizer": folder, "template": template, "chat": chat, "generation": generation}
                    goldens.append(golden | apply(tokenizer, source, messages, generation))
    chats = {name: [{"role": r, "content": c} for r, c in chat] for name, chat in CHATS.items()}
    versions = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
    out = {"versions": versions, "date": DATE.strftime("%Y-%m-%d"), "chats": chats, "goldens": goldens}
    out |= {"word_list": WORDS, "words": words}
    (HERE / "chat.json").write_text(json.dumps(out, ensure_ascii=False) + "\n", encoding="utf-8")


main()
