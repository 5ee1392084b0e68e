package tinytext

// Prompt is a text to look at the model with.
type Prompt struct{ ID, Text string }

// demoSeed is the seed that the embedded model was trained with: texts held
// out under it are new to the model.
const demoSeed = 1

// prompts are the held-out stories that the demonstration shows, one of each
// genre in which tokens of several sorts meet, by their numbers.
var prompts = []struct {
	id     string
	number int
}{
	{"lost", 0}, {"counted", 15}, {"traded", 3}, {"built", 31}, {"message", 6},
}

// Prompts are the prompts of the demonstration, which no model here was
// trained on.
func Prompts() []Prompt {
	list := make([]Prompt, len(prompts))
	for i, p := range prompts {
		text, _ := Text(demoSeed, Held, Stories, p.number)
		list[i] = Prompt{p.id, text}
	}
	return list
}
