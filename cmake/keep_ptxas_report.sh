#!/bin/sh
# A compiler launcher: runs the CUDA compiler and keeps what ptxas -v says of each kernel beside the
# object (FILE.o.ptxas), for scripts/kernel_resources.py. Everything else is passed on.
object= previous=
for word; do
  [ "$previous" = -o ] && object=$word
  previous=$word
done
report=${object:-unknown}.ptxas
"$@" 2>"$report.all"
code=$?
kernels='^ptxas info|^ +[0-9]+ bytes stack frame'
grep -E "$kernels" "$report.all" >"$report"
grep -vE "$kernels" "$report.all" >&2
rm -f "$report.all"
exit $code
