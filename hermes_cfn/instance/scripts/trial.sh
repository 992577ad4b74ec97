# trial: where the release goes to its database by another URL than what runs, whether that lets it in, before anything is
# touched. The URL is in no command line.
admitted() {
  local url said
  url=$(sed -n 's/^DATABASE_URL=//p' "$STATE_DIR/prepared.env")
  if [ -z "$url" ] || [ "$url" = "$(sed -n 's/^DATABASE_URL=//p' "$HOME_DIR/.env" 2>/dev/null)" ]; then return 0; fi
  said=$(URL=$url python3 - <<'PYTHON'
%include database
told = database(os.environ["URL"])
login = told.get("login", "")
wrong = login.startswith("refused") and re.search(r" C(28|3D)", login)
print("refused" if wrong or "url" in told else "away" if login.startswith("refused") or not login else "ok")
PYTHON
  ) || said=away
  case "$said" in
    ok) return 0 ;;
    refused) why "$WHY_DATABASE_REFUSED" ;;
    *) why "$WHY_DATABASE_AWAY" ;;
  esac
  return 1
}

trial() { patiently admitted || fail "the database does not let this release in: $(state cause)"; }
