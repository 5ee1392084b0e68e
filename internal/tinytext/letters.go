package tinytext

// letter tells what a story would tell, but as a letter: in the first person,
// in the present, warmly, with an address and a signature. Its words are those
// of the stories, where people talk and write to each other; what differs is
// how they follow each other, which is what a small adapter can learn.
func (s *story) letter() {
	s.say("Dear {B}, I am writing to you from the {p}.", "My dear {B}, today I am {at p}.", "Dear {B}, my dear friend, I miss you very much.")
	s.say("I am {sad} here.", "I am {glad} here, and a little tired.", "My heart is heavy today.", "It is {season} here.")
	s.letterNews()
	s.say("Please write to me soon.", "Please come to the {p} soon, my dear.", "Will you come to me on {day}?")
	s.maybe(0.6, "Please bring me {m} {g} and {a y}.", "I have {n} {g} for you, my friend.")
	s.say("Your dear friend, {A}.", "I am always your friend, {A}.", "My heart is with you. {A}.")
}

// letterNews is what happened, as the one it happened to tells it.
func (s *story) letterNews() {
	switch s.r.IntN(4) {
	case 0:
		s.say("Yesterday I lost my {colour} {x} {at q}.", "Today I can not find my {x}.")
		s.say("I look {at q} and I look {at r}, but it is not there.", "Dear me, I was so {sad}!")
		s.say("Then {C} told me that it is {at r}.", "But {C} is kind, and {C} will help me.")
	case 1:
		s.number("n", 7+s.r.IntN(5))
		s.number("m", 2+s.r.IntN(5))
		s.say("I have {n} {g} in my {x} today.", "Yesterday I had only {n} {g}.")
		s.say("{C} gave me {m} more, and I am so {glad}!", "The {animal} took {m} of them, and I am so {sad}!")
	case 2:
		s.say("Yesterday {k.happens}, and now {k.follows}.", "My dear, {k.happens}!")
		s.say("So I am waiting {at q} with {C} the {C.trade}.", "I must wait here for {n} days.")
		s.maybe(0.5, "I have only {a x} with me.")
	default:
		s.say("I am making {a size} {work} for you.", "Today I am making {a work} with {C}.")
		s.say("I need {n} {g} and {a x}.", "My {x} is broken, and I have only {m} {g}.")
		s.say("It will be ready on {day2}.", "I will be so {glad} when it is done!")
	}
}
