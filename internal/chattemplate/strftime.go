package chattemplate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// layouts are the directives of Python's strftime in the C locale, as Go's layouts.
var layouts = map[byte]string{
	'A': "Monday", 'B': "January", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'Y': "2006", 'a': "Mon", 'b': "Jan",
	'd': "02", 'j': "002", 'm': "01", 'p': "PM", 'y': "06",
}

// strftime is strftime_now: the date that the caller fixed, since the clock
// would give a prompt other tokens tomorrow.
func strftime(args []jinja.Value, date time.Time) (jinja.Value, error) {
	if len(args) != 1 || !args[0].IsString() {
		return jinja.None(), errors.New("strftime_now has one format")
	}
	if date.IsZero() {
		return jinja.None(), errors.New("the template asks for today's date (strftime_now), which would change the results every day; fix one with --chat-date")
	}
	var b strings.Builder
	format := args[0].AsString()
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		layout, ok := layouts[format[i]]
		switch {
		case format[i] == '%':
			b.WriteByte('%')
		case ok:
			b.WriteString(date.Format(layout))
		default:
			return jinja.None(), fmt.Errorf("the date format %%%c is not supported", format[i])
		}
	}
	return jinja.NewString(b.String()), nil
}
