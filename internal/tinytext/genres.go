package tinytext

import (
	"slices"
	"strings"
)

// tell tells one story of one of the genres.
func (s *story) tell() {
	genres := []func(){s.lost, s.counted, s.journey, s.built, s.traded, s.school, s.message, s.song}
	genres[s.r.IntN(len(genres))]()
}

// opening says when, and who somebody is.
func (s *story) opening() {
	s.say("One {season} {A} the {A.trade} lived {at p}.", "On {day} {A} was {at p}.",
		"{A} was a {A.trait} {A.trade} who lived {at p}.", "Once there was a {A.trade} named {A}, and {A.she} was {A.trait}.",
		"It was {season}, and {A} was alone {at p}.", "There was a {A.trait} {A.trade} {at p}, and {A.hers} name was {A}.")
}

// ending closes a story, well or badly.
func (s *story) ending() {
	s.say("After that {A} was {glad} again.", "So {A} and {B} were friends from that day on.",
		"That night they sat by the fire and talked of old names, far places and lost things.",
		"{A} never forgot what {B} had done.", "In the end {A} went home, {glad} and tired.",
		"And that is why people still talk about {A}.", "Then {A} slept until morning.")
}

// aside is a sentence that leads nowhere.
func (s *story) aside() {
	s.maybe(0.4, "What a day it was! The sun was high and the {p} was full of people.", "Where was {B}? Nobody knew.",
		"{C} told them to wait, but they would not.", "{A} was writing a letter when {C} came.",
		"{C} was making {a z} for the {animal} by then.", "There had been {g} here once, but now there were none.",
		"\"Good day! Will you eat with us?\" said {C}. \"Please do.\"")
}

// because tells a cause with its consequence.
func (s *story) because(k string) {
	s.say("Because {"+k+".happens}, {"+k+".follows}.", "{Upper "+k+".happens}, so {"+k+".follows}.",
		"{Upper "+k+".follows}, because {"+k+".happens}.",
		"{Upper "+k+".happens}. So {"+k+".follows}.")
}

// lost: something is lost, looked for where it is not, and found with help.
func (s *story) lost() {
	s.opening()
	s.say("{A} had {a size} {colour} {x}.", "{Upper A.she} loved {A.hers} {colour} {x}.",
		"{Upper A.she} always carried {a size} {x}.")
	s.say("One day the {x} was gone.", "But on {day2} {A.she} lost the {x}.", "Then {A} could not find the {x}, and {A.she} was {sad}.")
	s.maybe(0.4, "It was dark, and {k.happens}.", "All around it was quiet.")
	s.say("{Upper A.she} looked {at q}, but the {x} was not there.", "First {A.she} looked {at q} and found only {a y}.")
	s.paragraph()
	s.say("{A} asked {B} the {B.trade}.", "Then {B} came by.", "{A} went to {B}, who was a {B.trade}.")
	s.say("\"Have you seen my {x}?\" said {A}.", "\"I have lost my {x},\" said {A}. \"Can you help me?\"",
		"\"Dear {B}, where is my {x}?\" said {A}.",
		"\"Dear me! I look and look, but I can not find my {x},\" said {A}.", "\"I am so {sad}. Dear me! Where is my {x}?\" said {A}.")
	s.say("\"Yes,\" said {B}. \"It is {at r}.\"", "\"I saw it {at r} on {day},\" said {B}.",
		"\"The {animal} took it,\" said {B}. \"Look {at r}.\"")
	s.aside()
	s.say("{A} ran to the {r} and found the {x}.", "So they went to the {r}, and there was the {x}.")
	s.maybe(0.5, "{A} gave {B} {n} {g} for the help.", "\"Thank you, my friend,\" said {A}.",
		"\"Here it is! Your {x} is {size2},\" said {B}.")
	s.ending()
}

// counted: goods come and go, and the count is kept.
func (s *story) counted() {
	s.opening()
	have := 3 + s.r.IntN(7) // never one, which the goods have no word for
	s.number("n", have)
	s.say("{Upper A.she} had {n} {g} in {a colour} {holder}.", "{A} had {n} {g}.", "In {A.hers} {holder} there were {n} {g}.")
	for step := range 2 + s.r.IntN(3) {
		if step == 2 {
			s.paragraph()
		}
		change := 2 + s.r.IntN(5)
		if have > change+1 && s.r.IntN(2) == 0 || have+change >= len(numbers) {
			have -= change
			s.number("m", change)
			s.say("{A} gave {m} {g} to {B}.", "Then the {animal} ate {m} {g}.", "{B} took {m} of them.", "{Upper A.she} lost {m} {g} {at q}.")
		} else {
			have += change
			s.number("m", change)
			s.say("{B} gave {A.her} {m} more {g}.", "Then {A} found {m} {g} {at q}.", "{A} bought {m} {g} from {B} the {B.trade}.",
				"{Upper A.she} made {m} more {g}.")
		}
		s.number("n", have)
		s.say("Now {A} had {n} {g}.", "That made {n} {g}.", "{A} counted {n} {g}.")
	}
	s.ending()
}

// journey: from one place to another, past an obstacle.
func (s *story) journey() {
	s.opening()
	s.say("{Upper A.she} wanted to bring {a size} {x} to the {r}.", "{A} had to carry {a x} to {B}, who lived {at r}.",
		"One day {A.she} took {A.hers} {x} and left for the {r}.")
	s.aside()
	s.say("The way was long.", "It was {n} days to the {r}.", "{Upper A.she} walked for {n} days.")
	s.because("k")
	s.say("{A} had to wait {m} days {at q}.", "So {A} slept {at q}.", "{A} was {sad}, and stopped {at q}.")
	s.paragraph()
	s.say("There {A.she} met {a size2} {animal}.", "On {day2} {a animal} came along.")
	s.say("\"Where are you going?\" said the {animal}.", "\"What do you have there?\" said the {animal}.")
	s.say("\"I am going to the {r},\" said {A}.", "\"I have {a x} for {B},\" said {A}. \"I must go to the {r}.\"")
	s.say("\"Then come with me,\" said the {animal}. \"I know the way.\"", "\"I can help you. Please give me {g},\" said the {animal}.")
	s.say("At last they came to the {r}.", "So {A} came to the {r} on the {nth} day.")
	s.say("{B} took the {x} and was {glad}.", "There {B} was waiting, and {A} gave {B.her} the {x}.")
	s.ending()
}

// built: something is made of counted goods, and a cause gets in the way.
func (s *story) built() {
	s.opening()
	s.say("{B} asked {A.her} to build {a size} {work} {at q}.", "{A} wanted to build {a work} {at q} for {B}.")
	s.say("For the {work} {A.she} needed {n} {g} and {m} {h}.", "{Upper A.she} took {n} {g}, {m} {h} and {a x}.")
	s.say("First {A} went to the {r} for the {g}.", "The {g} came from the {r}, the {h} from {C}.")
	s.because("k")
	s.say("The {work} was not done by {day}.", "{A} worked until {day}.", "So the work took {n} days.")
	s.paragraph()
	s.say("\"When will my {work} be ready?\" said {B}.", "\"Is the {work} done?\" said {B}.")
	s.say("\"I have no {h},\" said {A}.", "\"Soon,\" said {A}. \"I need only {m} more {h}.\"", "\"I am waiting for {C},\" said {A}.")
	s.say("Then {C} came with {a x} and {m} {h}.", "{C} the {C.trade} brought the {h} {A.she} needed.")
	s.say("On {day2} the {work} was ready, and it was {colour}.", "Now the {work} was done, and {B} was {glad}.",
		"\"It is done! Your {work} is ready,\" said {A}.")
	s.ending()
}

// traded: two persons each have what another wants.
func (s *story) traded() {
	s.opening()
	s.say("{A} had {a size} {x}, but {A.she} needed {a y}.", "{Upper A.she} had {a x} and wanted {a colour} {y}.")
	s.aside()
	s.say("{Upper A.she} met {B} {at q}.", "{A} found {B} the {B.trade} {at q}.")
	s.say("\"I will give you my {x} for your {y},\" said {A}.", "\"Please give me your {y},\" said {A}. \"You can have my {x}.\"")
	if s.r.IntN(2) == 0 {
		s.say("\"Yes,\" said {B}. \"That is good.\"", "\"I will,\" said {B}, and took the {x}.")
	} else {
		s.say("\"No,\" said {B}. \"I want {a z}.\"", "\"I do not want {a x},\" said {B}. \"I want {a z}.\"")
		s.paragraph()
		s.say("So {A} went to {C}, who lived {at r}.", "But {C} had {a z}.")
		s.say("{C} took the {x} and gave {A.her} the {z}.", "\"Here is the {z},\" said {C}. \"Give me {n} {g} and the {x}.\"")
		s.say("{A} brought the {z} to {B}.", "Then {B} took the {z}.")
	}
	s.say("Now {A} had the {y}, and {B} was {glad}.", "So {A} got the {y}.", "{A} carried the {y} home to the {p}.")
	s.ending()
}

// school: questions and answers, with sums that are right.
func (s *story) school() {
	s.say("{A} was a teacher {at p}.", "On {day} {B} and {C} were {at p} with {A}, the teacher.")
	s.say("{Upper A.she} asked a question.", "{A} had a question for {B}.")
	for _, who := range []string{"B", "C"} {
		x, y := 2+s.r.IntN(8), 2+s.r.IntN(8)
		s.number("n", x)
		s.number("m", y)
		s.number("sum", x+y)
		s.say("\"What is {n} and {m}?\" said {A}.", "\"{Upper n} {g} and {m} {g}, how many are they?\" said {A}.")
		s.maybe(0.3, "{"+who+"} looked at the {x} and was {sad}.")
		s.say("\"The answer is {sum},\" said {"+who+"}.", "\"{Upper sum},\" said {"+who+"}.")
		s.maybe(0.5, "\"Very good, my dear,\" said {A}.", "\"Yes, {sum},\" said {A}.")
		s.paragraph()
	}
	s.say("{A} gave {B} {a colour} {x}.", "After school they went to the {q}.", "Then {C} wrote the names of {n} things in a book.")
	s.ending()
}

// message: somebody hears from a friend and sets out.
func (s *story) message() {
	s.opening()
	s.say("On {day2} a letter came from {B}.", "One morning {A} got a letter.")
	s.say("{B} wrote from the {q}: \"I miss you very much. Today I am {sad}.\"",
		"\"Dear friend,\" wrote {B}, \"I am {at q}. Will you come soon? Please write to me.\"",
		"It said: \"I am {sad} here {at q}. Yesterday I lost my {x}.\"", "\"I am {at q}. Dear {A}, please come,\" wrote {B}.")
	s.because("l")
	s.say("\"My heart is heavy,\" said {A}. \"I must go to {B}.\"", "\"Yesterday I was {sad},\" said {A}, \"but now I am {glad}.\"",
		"\"I am {sad} today. My heart is with {B},\" said {A}.")
	s.paragraph()
	s.say("{A} took {n} {g} and {a x} and went to the {q}.", "So {A} sent {n} {g} and {a x} to {B}.")
	s.aside()
	s.maybe(0.6, "\"Will you write to me?\" said {C}.", "\"Tell me how {B} is,\" said {C} the {C.trade}.")
	s.say("When {B} saw the {x}, {B.she} was {glad}.", "{B} read the letter and was {glad}.", "{B} put the {g} in {a colour} {holder}.")
	s.ending()
}

// song: a line of words without sense, again and again.
func (s *story) song() {
	s.opening()
	s.say("{A} had a song for {B}.", "{A} and {B} wrote a song.")
	s.line()
	s.say("\"Oh {line},\" sang {A}.", "It went: \"Oh {line}.\"")
	s.say("\"Oh {line},\" sang {B}.", "\"Again,\" said {B}. \"Oh {line}.\"")
	s.say("Then they sang: \"Oh {line}.\"", "They sang it again: \"Oh {line}.\"")
	s.ending()
}

// refrain is a song alone. What comes next in it can be told only by finding
// what came after the same word before. The stories ask for that with every
// name, but so faintly that a small model takes millions of tokens to find out;
// from songs alone it begins to copy within a thousand steps. Most of that is
// lost again when the stories follow.
func (s *story) refrain() {
	s.line()
	for range 3 {
		s.say("Oh {line}.")
	}
}

// line draws the words of a song.
func (s *story) line() {
	pool := slices.Concat(women, men, animals, things, goods, works, colours, days, numbers[2:])
	for _, p := range places {
		pool = append(pool, p.name)
	}
	var words []string
	for _, i := range s.r.Perm(len(pool))[:6+s.r.IntN(6)] {
		words = append(words, pool[i])
	}
	s.filled["line"] = strings.Join(words, " ")
}
