package tinytext

// The world of the stories is small and closed: every word stands in one list,
// so that a cluster of tokens can be told to be one of names, or of places, or
// of numbers, and every list is long enough that no word of it is predictable.

var women = []string{
	"Mira", "Tamsin", "Livia", "Nadia", "Petra", "Wanda", "Ines", "Clara", "Della", "Greta", "Freya", "Zelda",
}

var men = []string{
	"Oren", "Bruno", "Edgar", "Hugo", "Silas", "Felix", "Jonas", "Victor", "Rufus", "Amos", "Conrad", "Ivan",
}

var trades = []string{
	"baker", "miller", "sailor", "teacher", "shepherd", "carpenter", "doctor", "gardener", "fisher", "potter", "weaver", "smith",
}

var animals = []string{"fox", "owl", "dog", "goat", "crow", "cat", "horse", "hare", "goose", "mule"}

// place is a place with the preposition that it takes.
type place struct{ at, name string }

var places = []place{
	{"at", "mill"}, {"in", "forest"}, {"by", "river"}, {"on", "hill"}, {"at", "harbour"},
	{"in", "garden"}, {"in", "cellar"}, {"in", "kitchen"}, {"at", "market"}, {"in", "barn"},
	{"by", "well"}, {"under", "bridge"}, {"in", "tower"}, {"on", "island"}, {"in", "valley"},
	{"at", "inn"}, {"in", "orchard"}, {"in", "library"}, {"by", "lake"}, {"in", "stable"},
}

// things are had one at a time, goods are counted.
var (
	things = []string{
		"lamp", "key", "rope", "kettle", "basket", "drum", "mirror", "ladder", "hammer", "blanket", "whistle", "map",
		"knife", "ring", "book", "bell", "spoon", "flute", "cup", "box", "coat", "saddle", "needle", "bucket",
	}
	goods = []string{
		"apples", "eggs", "nails", "shells", "loaves", "stones", "pears", "plums", "candles", "coins",
		"buttons", "feathers", "bricks", "cakes", "nuts", "ribbons",
	}
	holders = []string{"basket", "box", "bucket", "cup", "kettle"} // of the things, those that goods go into
	works   = []string{"fence", "wall", "roof", "oven", "boat", "cart", "gate", "bench"}
)

var (
	colours  = []string{"red", "blue", "green", "yellow", "white", "black", "brown", "golden"}
	sizes    = []string{"small", "large", "old", "new", "heavy", "little", "broken", "fine"}
	traits   = []string{"kind", "proud", "quiet", "clever", "patient", "brave", "lazy", "careful", "gentle", "stubborn"}
	glad     = []string{"happy", "glad", "merry", "proud", "calm"}
	sad      = []string{"sad", "tired", "angry", "afraid", "hungry", "lonely"}
	days     = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	seasons  = []string{"spring", "summer", "autumn", "winter"}
	ordinals = []string{"first", "second", "third"}
)

// numbers are the words for 0 to 20; sums in the stories stay within them.
var numbers = []string{
	"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
	"thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
}

// cause is something that happens and what follows from it, always the same:
// the second half can be told from the first.
type cause struct{ happens, follows string }

var causes = []cause{
	{"the rain fell all night", "the road turned to mud"},
	{"the wind broke the door", "the goats ran away"},
	{"the snow covered the path", "nobody could find the way"},
	{"the frost came early", "the flowers died"},
	{"the fog hid the shore", "the boats turned back"},
	{"the storm tore the sails", "the ship stayed in port"},
	{"the sun burned for weeks", "the stream ran dry"},
	{"the fire went out", "the room grew cold"},
}
