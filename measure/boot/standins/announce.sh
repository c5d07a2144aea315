#!/bin/sh
# Stand-in for programs whose effect does not matter: prints its name and arguments.
echo "stand-in $(basename "$0") $*"
