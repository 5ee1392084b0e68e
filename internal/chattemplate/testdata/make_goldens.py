"""Makes goldens.json: what transformers makes of many small templates.

Run with transformers 5.23 and jinja2 3.1.6 (the versions used are written into
the file):

    python3 make_goldens.py

Expressions are taken one by one. White space, blocks and signs come from a
seeded generator of random templates: the rules interact (a newline that one tag
takes decides whether the next one stands at the start of its line), and a list
by hand would leave most of them out.
"""

import json
import pathlib
import random

import jinja2
import transformers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
RANDOM_TEMPLATES = 300

CHATS = [
    [{"role": "user", "content": "Hello w"}],
    [
        {"role": "system", "content": " s! "},
        {"role": "user", "content": "a 'q' \n<&>"},
        {"role": "assistant", "content": "Hi l"},
    ],
]

# m is a message, and loop the loop over messages.
EXPRESSIONS = r"""
m['role']
m.content
m . content
m['nope']
m['nope']|default('d')
''|default('y', true)
'x'|d('y')
m.content|trim
'..a.'|trim('.')
' \x1c\x1fa\x1c '|trim
(m.content + 'x')|upper
m.content|lower|capitalize
m.content|length
m.content|length > 3 and m.role != 'x' or false
m.content|replace('l', 'L')
m.content|replace('', '-')
m.content|replace('l', 'LL', 1)
m.content|replace('l', 'LL', count=1)
m.content.replace('a', 'b').strip()
m.content.strip()
m.content.rstrip('!')
m.content.lstrip()
m.content.split(' ')[0]
m.content.split()|length
'a,b,c'.split(',', 1)|tojson
m.content.startswith('H')
m.content.endswith(('w', '> '))
m.content.lower().count('l')
m.content.find('l')
m.role.title()
'A-b c'.capitalize()
m.content[1:3]
m.content[::-1]
'abc'[-1]
'abc'[5:]
m.get('role')
m.get('x', 'y')
m.get('x') is none
m.items()|list|tojson
m|tojson
messages|tojson(indent=2)
m.role|tojson(ensure_ascii=true)
{'é': 'ü"\\\n\x01\x7f'}|tojson
'é😀'|tojson(ensure_ascii=true)
{'b': 1, 'a': [1, 2.5, none, true]}|tojson(sort_keys=true)
{'b': [1, 2]}|tojson(separators=(',', ':'))
[]|tojson(indent=1)
messages|length
messages[-1]['content']
messages[0].role == 'user'
messages[1:]|length
messages[:-1]|length
messages[::-1][0].role
messages|map(attribute='role')|join('-')
messages|map(attribute='nope', default='n')|join
messages|map('length')|join(',')
messages|join(', ', attribute='role')
messages|selectattr('role', 'equalto', 'user')|list|length
messages|rejectattr('role', 'eq', 'user')|map(attribute='content')|join
[0, 1, '']|select|list|length
[1, 2, 3]|reject('odd')|list|tojson
['a', 'b']|join(', ')
' '.join(['a', 'b'])
(messages|first).role
(messages|last).role
[1, 1, 2]|unique|list|tojson
'abc'|reverse
'abc'|list|tojson
{'b': 1, 'a': 2}.keys()|list|join
{'b': 1, 'a': 2}.values()|list|join
{'b': 1, 'a': 2}|items|list|length
{'b': 1}|list|join
{'a': {'b': 2}}['a'].b
'user' in m.role
'role' in m
m.role not in ['x']
m is defined
zz is defined
zz
zz is iterable
zz is not iterable
m is sequence
m is not sequence
m is iterable and m is not mapping
m.content is string
m is mapping
m.content is not none
3 is odd
4 is divisibleby 2
4 is divisibleby(3)
'x' is eq 'x'
m.role is in(['user'])
1 == 1.0
1 is number
true is boolean
1.0 is integer
none is none
not loop.first
not (zz or zy)
none
true
1.5
1.0
1e20
'1'|int + 1
'z'|int
'1.5'|float
-1|abs
1 - -1
5 - 2 - 1
5 % 3
-5 % 3
1 < 2 < 3
3 > 2 > 2
'A' < 'a'
none or 'z'
true and 'x'
'x' if loop.last else 'y'
'x' if false
'%' ~ 1
m.role ~ loop.index
'a' 'b'
'a\n\'b'
"q\"\\"
'\u00e9\U0001F600\x41\q'
"{{ }}"
'%}'
'-%}'
loop.index0
loop.index % 2 == 0
loop.revindex0
loop.length
loop.cycle('p', 'q')
loop.previtem.role if loop.previtem is defined else 'none'
loop.nextitem is defined
loop.changed(m.role)
range(3)|join
range(5, 1, -2)|join(',')
f(m)
f(m, q='z')
f(m, 'w')
ns.i
namespace(a=1).a
dict(a=1).a
joiner(',')()
cycler(1, 2).current
add_generation_prompt
tools is none
documents is defined
""".strip().split("\n")

PREFIX = "{%- macro f(p, q='d') %}<{{ p.role }}{{ q }}>{% endmacro %}{% set ns = namespace(i=0) %}"


def render(template, chat):
    return render_jinja_template([chat], chat_template=template)[0][0]


class Generator:
    """Random templates that are right in syntax."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def space(self):
        return self.random.choice(["", "", " ", "\n", "  \n", " \n  ", "\n\n", "\t", " \r\n ", "\r"])

    def sign(self):
        return self.random.choice(["", "", "", "-", "-", "+"])

    def text(self):
        words = ["", "a", "b c", "<|x|>", "}", "{ ", "é", "'", '"%', "# x"]
        return self.space() + self.random.choice(words) + self.space()

    def output(self):
        end = self.random.choice(["", "", "-"])
        return "{{" + self.sign() + self.space() + self.expression() + self.space() + end + "}}"

    def expression(self):
        return self.random.choice(EXPRESSIONS)

    def tag(self, statement):
        return "{%" + self.sign() + self.space() + statement + self.space() + self.sign() + "%}"

    def comment(self):
        return "{#" + self.sign() + self.space() + "c {{ %} '" + self.space() + self.sign() + "#}"

    def raw(self):
        begin = "{%" + self.sign() + " raw " + self.random.choice(["", "-"]) + "%}"
        return begin + self.space() + "{{ raw }} {% x %}" + self.space() + self.tag("endraw")

    def body(self, depth=0):
        parts = [self.text, self.output, self.text, lambda: self.block(depth + 1)]
        return "".join(self.random.choice(parts)() for _ in range(self.random.randint(0, 4)))

    def block(self, depth):
        if depth > 3:
            return self.text()
        more = self.random.random() < 0.4
        match self.random.randint(0, 9):
            case 0 | 1:
                other = self.tag("else") + self.body(depth) if more else ""
                return self.tag("if " + self.expression()) + self.body(depth) + other + self.tag("endif")
            case 2:
                lists = ["messages", "'abc'", "[1,2]", "[]", "messages if x.role == 'user'", "range(2)"]
                other = self.tag("else") + self.body(depth) if more else ""
                return self.tag("for x in " + self.random.choice(lists)) + self.body(depth) + other + self.tag("endfor")
            case 3:
                return self.comment()
            case 4:
                return self.tag("set v = " + self.expression()) + "{{ v is defined }}"
            case 5:
                return self.tag("set ns.i = ns.i + 1")
            case 6:
                return self.tag("set b") + self.body(depth) + self.tag("endset") + "[{{ b }}]"
            case 7:
                return self.raw()
            case 8:
                return self.tag("generation") + self.body(depth) + self.tag("endgeneration") + "{{ v is defined }}"
            case _:
                leave = self.tag(self.random.choice(["break", "continue"]))
                return self.tag("if loop.index > 1") + leave + self.tag("endif")

    def template(self):
        start = self.space() + PREFIX + self.text() + "{% for m in messages %}"
        return start + self.body() + self.body() + "{% endfor %}" + self.text()


def goldens():
    for expression in EXPRESSIONS:
        template = PREFIX + "{% for m in messages %}[{{ " + expression + " }}]{% endfor %}"
        for chat in range(len(CHATS)):
            yield {"template": template, "chat": chat, "text": render(template, CHATS[chat])}
    generator, made = Generator(seed=1), 0
    while made < RANDOM_TEMPLATES:
        template, chat = generator.template(), made % len(CHATS)
        try:
            text = render(template, CHATS[chat])
        except (jinja2.TemplateError, SyntaxError, TypeError):
            continue  # a break that Python has outside a loop, an output that cannot be
        made += 1
        yield {"template": template, "chat": chat, "text": text}


versions = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
out = {"versions": versions, "chats": CHATS, "goldens": list(goldens())}
(HERE / "goldens.json").write_text(json.dumps(out, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
