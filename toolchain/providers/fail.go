package providers

import (
	"fmt"
	"os"
)

// Fail ends the plugin before it serves: the engine shows the message.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
