# masked FILE: what it says, without a secret. What is too long is cut afterwards: half a secret would not be found.
masked() {
  python3 - "$HOME_DIR" "$1" <<'PYTHON'
import sys
%include mask
said = masker(sys.argv[1])(pathlib.Path(sys.argv[2]).read_text(errors="replace"))
print(said, end="" if said.endswith("\n") else "\n")
PYTHON
}
