"""Twelve ways in which a first image of each framework fails, each with the diagnosis that a person would want.

The lines are the programs' own words, as each framework writes them; what follows the decisive line in a real log
follows here too.
"""

import pytest

from hermes_cfn.checks import last_words, start, why
from hermes_cfn.config.frameworks import NAMES
from hermes_cfn.config.settings import Settings

PORTS = {"phoenix": 4000, "django": 8000, "rails": 3000, "laravel": 8000, "node": 3000, "go": 8080, "spring": 8080}
WAYS = ("host", "port", "loopback", "redirect", "module", "variable", "architecture", "permission", "memory",
        "read-only", "migration", "database")  # fmt: skip

BEAM_ENDS = """{"init terminating in do_boot",{#{'__exception__'=>true,'__struct__'=>'Elixir.RuntimeError',message=><<110,111>>},[{erl_eval,do_apply,7,[]}]}}
Crash dump is being written to: erl_crash.dump...Error when writing crash dump: Read-only file system
init terminating in do_boot ({,[{erl_eval,do_apply,7,[{_},{_}]}]})"""
GUNICORN_ENDS = """[2026-11-30 10:00:01 +0000] [7] [INFO] Worker exiting (pid: 7)
[2026-11-30 10:00:02 +0000] [1] [ERROR] Worker (pid:7) exited with code 3
[2026-11-30 10:00:02 +0000] [1] [ERROR] Shutting down: Master
[2026-11-30 10:00:02 +0000] [1] [ERROR] Reason: Worker failed to boot."""
GUNICORN = "[2026-11-30 10:00:00 +0000] [1] [INFO] Starting gunicorn 23.0.0\n[2026-11-30 10:00:00 +0000] [1] [INFO] Listening at: http://{} (1)\n[2026-11-30 10:00:00 +0000] [7] [INFO] Booting worker with pid: 7"
PUMA = "=> Booting Puma\n=> Rails 8.0.1 application starting in production\nPuma starting in single mode...\n* Listening on http://{}\nUse Ctrl-C to stop"
RUBY_TRACE = "\tfrom /usr/local/bundle/ruby/3.3.0/gems/railties-8.0.1/lib/rails/initializable.rb:32:in `run'\n\tfrom /rails/config/environment.rb:5:in `<main>'\nTasks: TOP => db:prepare => environment\n(See full trace by running task with --trace)"
NODE_ENDS = "    at Module._load (node:internal/modules/cjs/loader:1104:12)\n    at node:internal/main/run_main_module:28:49\n\nNode.js v20.11.1"
SPRING_HEAD = " :: Spring Boot ::                (v3.3.4)\n2026-11-30T10:00:01.219Z  INFO 1 --- [           main] com.example.Shop  : Starting Shop using Java 21 with PID 1\n"
SPRING_FAILS = "***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\n{}\n\nAction:\n\n{}\n"
JAVA_TRACE = (
    "\tat org.springframework.boot.SpringApplication.run(SpringApplication.java:1352)\n\t... 35 common frames omitted"
)


def runs(log, **more):
    """It runs and nothing answers."""
    return {"container": {"status": "running", "exit_code": 0, "restarts": 0}, "health": "TimeoutError: timed out", "log": log.splitlines(), **more}  # fmt: skip


def ends(log, code=1, **more):
    """It ended, and docker starts it again and again."""
    return {"container": {"status": "restarting", "exit_code": code, "restarts": 4, **more}, "health": "ConnectionRefusedError: refused", "log": log.splitlines()}  # fmt: skip


def answers(status, log="", body="", location=None):
    return runs(log, health={"status": status, "body": body, "location": location})


FAILS = {
    # Phoenix
    ("phoenix", "host"): (answers(301, location="https://www.shop.example/health"), "redirects", "health"),
    ("phoenix", "port"): (runs("10:00:00.123 [info] Running ShopWeb.Endpoint with Bandit 1.5.7 at 0.0.0.0:4001 (http)\n10:00:00.125 [info] Access ShopWeb.Endpoint at https://shop.example"), "port-wrong", "4001"),
    ("phoenix", "loopback"): (runs("10:00:00.123 [info] Running ShopWeb.Endpoint with cowboy 2.12.0 at 127.0.0.1:4000 (http)"), "listens-locally", "0.0.0.0"),
    ("phoenix", "redirect"): (answers(301, location="https://10.0.1.5/health"), "redirects", "force_ssl"),
    ("phoenix", "module"): (ends("10:00:00.1 [notice] Application shop exited: exited in: Shop.Application.start(:normal, [])\n    ** (EXIT) an exception was raised:\n        ** (UndefinedFunctionError) function Shop.Mailer.child_spec/1 is undefined (module Shop.Mailer is not available)\n" + BEAM_ENDS), "module-missing", "image"),
    ("phoenix", "variable"): (ends("ERROR! Config provider Config.Reader failed with:\n** (RuntimeError) environment variable SECRET_KEY_BASE is missing.\nYou can generate one by calling: mix phx.gen.secret\n\n    /app/releases/0.1.0/runtime.exs:48: (file)\n" + BEAM_ENDS), "variable-missing", "[env]"),
    ("phoenix", "architecture"): (ends("exec /app/bin/server: exec format error", 255), "wrong-architecture", "architecture"),
    ("phoenix", "permission"): (ends("** (File.Error) could not make directory (with -p) \"/app/uploads\": permission denied\n" + BEAM_ENDS), "not-permitted", "user"),
    ("phoenix", "memory"): (ends("eheap_alloc: Cannot allocate 268435456 bytes of memory (of type \"heap\").\n\nCrash dump is being written to: erl_crash.dump...done", 134), "memory", "scale"),
    ("phoenix", "read-only"): (ends("** (File.Error) could not write to file \"/app/priv/cache/a\": read-only file system\n" + BEAM_ENDS), "read-only", "/tmp"),
    ("phoenix", "migration"): (answers(500, "10:00:03.1 request_id=F [error] ** (Postgrex.Error) ERROR 42P01 (undefined_table) relation \"users\" does not exist\n\n    query: SELECT u0.\"id\" FROM \"users\" AS u0"), "schema-missing", "migrate"),
    ("phoenix", "database"): (runs("10:00:01.9 [error] Postgrex.Protocol (#PID<0.1512.0>) failed to connect: ** (DBConnection.ConnectionError) tcp connect (db.example:5432): timeout\n10:00:04.9 [error] Postgrex.Protocol (#PID<0.1513.0>) failed to connect: ** (DBConnection.ConnectionError) tcp connect (db.example:5432): timeout"), "database-unreachable", "doctor"),
    # Django
    ("django", "host"): (answers(400, GUNICORN.format("0.0.0.0:8000") + "\nInvalid HTTP_HOST header: '10.0.1.5:8000'. You may need to add '10.0.1.5' to ALLOWED_HOSTS.\nBad Request: /health"), "host-refused", "ALLOWED_HOSTS"),
    ("django", "port"): (runs(GUNICORN.format("0.0.0.0:8080")), "port-wrong", "8080"),
    ("django", "loopback"): (runs(GUNICORN.format("127.0.0.1:8000")), "listens-locally", "0.0.0.0"),
    ("django", "redirect"): (answers(301, location="https://10.0.1.5:8000/health"), "redirects", "SECURE_REDIRECT_EXEMPT"),
    ("django", "module"): (ends(GUNICORN.format("0.0.0.0:8000") + "\n[ERROR] Exception in worker process\nTraceback (most recent call last):\n  File \"/usr/lib/python3/site-packages/gunicorn/arbiter.py\", line 609, in spawn_worker\n    worker.init_process()\nModuleNotFoundError: No module named 'shop.wsgi'\n" + GUNICORN_ENDS, 3), "module-missing", "image"),
    ("django", "variable"): (ends("Traceback (most recent call last):\n  File \"/app/shop/settings.py\", line 9, in <module>\n    SECRET_KEY = env(\"SECRET_KEY\")\nKeyError: 'SECRET_KEY'\n\nDuring handling of the above exception, another exception occurred:\n\ndjango.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable\n" + GUNICORN_ENDS, 3), "variable-missing", "secrets"),
    ("django", "architecture"): (ends("exec /usr/local/bin/gunicorn: exec format error", 255), "wrong-architecture", "architecture"),
    ("django", "permission"): (ends("  File \"/usr/lib/python3.12/pathlib.py\", line 1311, in mkdir\nPermissionError: [Errno 13] Permission denied: '/app/staticfiles'\n" + GUNICORN_ENDS, 3), "not-permitted", "user"),
    ("django", "memory"): (runs(GUNICORN.format("0.0.0.0:8000") + "\n[2026-11-30 10:00:09 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?\n[2026-11-30 10:00:09 +0000] [12] [INFO] Booting worker with pid: 12"), "memory", "scale"),
    ("django", "read-only"): (ends("OSError: [Errno 30] Read-only file system: '/app/media'\n" + GUNICORN_ENDS, 3), "read-only", "/tmp"),
    ("django", "migration"): (answers(500, "Internal Server Error: /health\nTraceback (most recent call last):\npsycopg.errors.UndefinedTable: relation \"shop_item\" does not exist\nLINE 1: SELECT 1 FROM \"shop_item\"\n\nThe above exception was the direct cause of the following exception:\n\ndjango.db.utils.ProgrammingError: relation \"shop_item\" does not exist\nLINE 1: SELECT 1 FROM \"shop_item\""), "schema-missing", "migrate"),
    ("django", "database"): (ends("django.db.utils.OperationalError: connection to server at \"db.example\" (10.9.0.4), port 5432 failed: Connection timed out\n\tIs the server running on that host and accepting TCP/IP connections?\n" + GUNICORN_ENDS, 3), "database-unreachable", "doctor"),
    # Rails
    ("rails", "host"): (answers(403, PUMA.format("0.0.0.0:3000") + "\n[ActionDispatch::HostAuthorization::DefaultResponseApp] Blocked hosts: 10.0.1.5:3000"), "host-refused", "host_authorization"),
    ("rails", "port"): (runs(PUMA.format("0.0.0.0:80")), "port-wrong", "80"),
    ("rails", "loopback"): (runs(PUMA.format("127.0.0.1:3000")), "listens-locally", "0.0.0.0"),
    ("rails", "redirect"): (answers(301, location="https://10.0.1.5/up"), "redirects", "assume_ssl"),
    ("rails", "module"): (ends("bundler: failed to load command: puma (/usr/local/bundle/ruby/3.3.0/bin/puma)\n/usr/local/bundle/ruby/3.3.0/gems/bootsnap-1.18.4/lib/bootsnap.rb:30:in `require': cannot load such file -- pg (LoadError)\n" + RUBY_TRACE), "module-missing", "image"),
    ("rails", "variable"): (ends("bin/rails aborted!\nArgumentError: Missing `secret_key_base` for 'production' environment, set this string with `bin/rails credentials:edit` (ArgumentError)\n" + RUBY_TRACE), "variable-missing", "secrets"),
    ("rails", "architecture"): (ends("standard_init_linux.go:228: exec user process caused: exec format error"), "wrong-architecture", "architecture"),
    ("rails", "permission"): (ends("/rails/vendor/logger.rb:40:in `initialize': Permission denied @ rb_sysopen - /rails/log/production.log (Errno::EACCES)\n" + RUBY_TRACE), "not-permitted", "user"),
    ("rails", "memory"): (ends("Puma starting in single mode...\n[FATAL] failed to allocate memory"), "memory", "scale"),
    ("rails", "read-only"): (ends("/usr/local/lib/ruby/3.3.0/fileutils.rb:406:in `mkdir': Read-only file system @ dir_s_mkdir - /rails/tmp/pids (Errno::EROFS)\n" + RUBY_TRACE), "read-only", "/tmp"),
    ("rails", "migration"): (answers(500, PUMA.format("0.0.0.0:3000") + "\nActiveRecord::PendingMigrationError (\n\nMigrations are pending. To resolve this issue, run:\n\n        bin/rails db:migrate\n"), "schema-missing", "migrate"),
    ("rails", "database"): (ends("bin/rails aborted!\nActiveRecord::ConnectionNotEstablished: could not translate host name \"db\" to address: Name or service not known\n" + RUBY_TRACE), "database-unreachable", "doctor"),
    # Laravel
    ("laravel", "host"): (answers(400, "[2026-11-30 10:00:03] production.ERROR: Untrusted Host \"10.0.1.5\". {\"exception\":\"[object] (Symfony\\\\Component\\\\HttpFoundation\\\\Exception\\\\SuspiciousOperationException(code: 0)"), "host-refused", "trustHosts"),
    ("laravel", "port"): (runs("[30-Nov-2026 10:00:00] NOTICE: fpm is running, pid 1\n[30-Nov-2026 10:00:00] NOTICE: ready to handle connections"), "port-wrong", "web server"),
    ("laravel", "loopback"): (runs("\n   INFO  Server running on [http://127.0.0.1:8000].  \n\n  Press Ctrl+C to stop the server"), "listens-locally", "0.0.0.0"),
    ("laravel", "redirect"): (answers(302, location="http://10.0.1.5:8000/login"), "redirects", "sign-in"),
    ("laravel", "module"): (ends("PHP Warning:  require(/app/vendor/autoload.php): Failed to open stream: No such file or directory in /app/artisan on line 9\nPHP Fatal error:  Uncaught Error: Failed opening required '/app/vendor/autoload.php' (include_path='.:/usr/local/lib/php') in /app/artisan:9", 255), "module-missing", "image"),
    ("laravel", "variable"): (answers(500, "[2026-11-30 10:00:03] production.ERROR: No application encryption key has been specified. {\"exception\":\"[object] (Illuminate\\\\Encryption\\\\MissingAppKeyException(code: 0)"), "variable-missing", "secrets"),
    ("laravel", "architecture"): (ends("exec /usr/local/bin/docker-php-entrypoint: exec format error", 255), "wrong-architecture", "architecture"),
    ("laravel", "permission"): (answers(500, "", "The stream or file \"/app/storage/logs/laravel.log\" could not be opened in append mode: Failed to open stream: Permission denied"), "not-permitted", "user"),
    ("laravel", "memory"): (answers(500, "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /app/vendor/a.php on line 4"), "memory", "memory"),
    ("laravel", "read-only"): (answers(500, "file_put_contents(/app/storage/framework/views/a.php): Failed to open stream: Read-only file system"), "read-only", "/tmp"),
    ("laravel", "migration"): (answers(500, "[2026-11-30 10:00:03] production.ERROR: SQLSTATE[42P01]: Undefined table: 7 ERROR:  relation \"sessions\" does not exist"), "schema-missing", "migrate"),
    ("laravel", "database"): (answers(500, "[2026-11-30 10:00:03] production.ERROR: SQLSTATE[08006] [7] connection to server at \"10.9.0.4\", port 5432 failed: timeout expired"), "database-unreachable", "doctor"),
    # Node
    ("node", "host"): (answers(403, "  ➜  Local:   http://localhost:3000/", "Blocked request. This host (\"10.0.1.5\") is not allowed.\nTo allow this host, add \"10.0.1.5\" to `preview.allowedHosts`"), "host-refused", "any host"),
    ("node", "port"): (runs("> shop@1.0.0 start\n> node server.js\n\nServer listening on http://0.0.0.0:8080"), "port-wrong", "8080"),
    ("node", "loopback"): (runs("> shop@1.0.0 start\nready", listens=[["127.0.0.1", 3000]]), "listens-locally", "0.0.0.0"),
    ("node", "redirect"): (answers(307, location="/api/auth/signin"), "redirects", "sign-in"),
    ("node", "module"): (ends("node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module 'express'\nRequire stack:\n- /app/server.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15) {\n  code: 'MODULE_NOT_FOUND',\n  requireStack: [ '/app/server.js' ]\n}\n\nNode.js v20.11.1"), "module-missing", "image"),
    ("node", "variable"): (ends("/app/config.js:3\n    throw new Error('Missing required environment variable: STRIPE_KEY')\n    ^\n\nError: Missing required environment variable: STRIPE_KEY\n" + NODE_ENDS), "variable-missing", "[env]"),
    ("node", "architecture"): (ends("Error: /app/node_modules/bcrypt/lib/binding/bcrypt_lib.node: invalid ELF header\n" + NODE_ENDS), "wrong-architecture", "processor"),
    ("node", "permission"): (ends("Error: listen EACCES: permission denied 0.0.0.0:80\n    at Server.setupListenHandle [as _listen2] (node:net:1855:21)\n" + NODE_ENDS), "port-not-permitted", "application.port"),
    ("node", "memory"): (ends("<--- JS stacktrace --->\n\nFATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n\n 1: 0xb9c310 node::Abort() [node]", 134), "memory", "scale"),
    ("node", "read-only"): (ends("[Error: EROFS: read-only file system, mkdir '/app/.next/cache'] {\n  errno: -30,\n  code: 'EROFS',\n  syscall: 'mkdir'\n}\n" + NODE_ENDS), "read-only", "/tmp"),
    ("node", "migration"): (answers(500, "PrismaClientKnownRequestError: \nInvalid `prisma.user.findMany()` invocation:\n\nThe table `public.User` does not exist in the current database."), "schema-missing", "migrate"),
    ("node", "database"): (ends("Error: P1001: Can't reach database server at `db.example`:`5432`\n\nPlease make sure your database server is running at `db.example`:`5432`."), "database-unreachable", "doctor"),
    # Go
    ("go", "host"): (answers(500, "listening on :8080", "Bad Host\n"), "host-refused", "any host"),
    ("go", "port"): (runs("[GIN-debug] GET    /health --> main.health (3 handlers)\n[GIN-debug] Listening and serving HTTP on :9090"), "port-wrong", "9090"),
    ("go", "loopback"): (runs("2026/11/30 10:00:00 listening on 127.0.0.1:8080"), "listens-locally", "0.0.0.0"),
    ("go", "redirect"): (answers(308, location="https://10.0.1.5/health"), "redirects", "docs/application.md"),
    ("go", "module"): (ends("/server: error while loading shared libraries: libvips.so.42: cannot open shared object file: No such file or directory", 127), "library-missing", "base"),
    ("go", "variable"): (ends("2026/11/30 10:00:00 required key STRIPE_KEY missing value"), "variable-missing", "[env]"),
    ("go", "architecture"): (ends("exec /server: exec format error", 255), "wrong-architecture", "architecture"),
    ("go", "permission"): (ends("2026/11/30 10:00:00 listen tcp :80: bind: permission denied"), "port-not-permitted", "application.port"),
    ("go", "memory"): (ends("2026/11/30 10:00:00 loading catalogue", 137, oom_killed=True), "memory", "scale"),
    ("go", "read-only"): (ends("2026/11/30 10:00:00 open /data/shop.db: read-only file system"), "read-only", "/tmp"),
    ("go", "migration"): (answers(503, "2026/11/30 10:00:03 pq: relation \"users\" does not exist"), "schema-missing", "migrate"),
    ("go", "database"): (ends("2026/11/30 10:00:05 failed to connect to `host=db.example user=shop database=shop`: dial error (dial tcp 10.9.0.4:5432: i/o timeout)"), "database-unreachable", "doctor"),
    # Spring
    ("spring", "host"): (answers(400, SPRING_HEAD + "org.springframework.security.web.firewall.RequestRejectedException: The request was rejected because the domain 10.0.1.5 is untrusted."), "host-refused", "HttpFirewall"),
    ("spring", "port"): (runs(SPRING_HEAD + "2026-11-30T10:00:09.2Z  INFO 1 --- [           main] o.s.b.w.embedded.tomcat.TomcatWebServer  : Tomcat started on port 9000 (http) with context path '/'\n2026-11-30T10:00:09.3Z  INFO 1 --- [           main] com.example.Shop  : Started Shop in 8.1 seconds (process running for 9.0)"), "port-wrong", "9000"),
    ("spring", "loopback"): (runs(SPRING_HEAD + "Tomcat started on port 8080 (http) with context path '/'", listens=[["127.0.0.1", 8080]]), "listens-locally", "0.0.0.0"),
    ("spring", "redirect"): (answers(302, location="http://10.0.1.5:8080/login"), "redirects", "sign-in"),
    ("spring", "module"): (ends("Error: Unable to access jarfile app.jar"), "module-missing", "image"),
    ("spring", "variable"): (ends(SPRING_HEAD + SPRING_FAILS.format("Failed to configure a DataSource: 'url' attribute is not specified and no embedded datasource could be configured.\n\nReason: Failed to determine a suitable driver class", "Consider the following:\n\tIf you want an embedded database (H2, HSQL or Derby), please put it on the classpath.")), "variable-missing", "secrets"),
    ("spring", "architecture"): (ends("exec /opt/java/openjdk/bin/java: exec format error", 255), "wrong-architecture", "architecture"),
    ("spring", "permission"): (ends("Logging system failed to initialize using configuration from 'null'\njava.lang.IllegalStateException: java.nio.file.AccessDeniedException: /app/logs\n" + JAVA_TRACE), "not-permitted", "user"),
    ("spring", "memory"): (ends(SPRING_HEAD + "Terminating due to java.lang.OutOfMemoryError: Java heap space", 3), "memory", "scale"),
    ("spring", "read-only"): (ends(SPRING_HEAD + "org.springframework.boot.web.server.WebServerException: Unable to create tempDir. java.io.tmpdir is set to /var/tmp\n" + JAVA_TRACE), "read-only", "/tmp"),
    ("spring", "migration"): (ends(SPRING_HEAD + "Caused by: org.hibernate.tool.schema.spi.SchemaManagementException: Schema-validation: missing table [users]\n" + JAVA_TRACE), "schema-missing", "migrate"),
    ("spring", "database"): (ends(SPRING_HEAD + "Caused by: org.postgresql.util.PSQLException: The connection attempt failed.\n" + JAVA_TRACE + "\nCaused by: java.net.UnknownHostException: db.example\n" + JAVA_TRACE), "service-unreachable", "address"),
}  # fmt: skip


def test_every_way_of_every_framework_is_tried():
    assert set(FAILS) == {(name, way) for name in NAMES if name != "other" for way in WAYS}


def application(framework):
    own = Settings().application
    return own.model_copy(update={"port": PORTS[framework]})


@pytest.mark.parametrize("case", FAILS, ids="-".join)
@pytest.mark.parametrize("kept", [False, True], ids=["now", "kept"])
def test_the_diagnosis_is_the_one_that_a_person_would_want(case, kept):
    said, kind, words = FAILS[case]
    if kept:
        if "listens" in said:
            pytest.skip("the kernel's table is of what runs, not of what was kept")
        said = {"container": {"status": "running"}, "log": ["all is well"], "health": {"status": 200}, "failed": said}
    found = start.cause("i-1", start.read(said), application(case[0]))
    assert found is not None and found.code == f"application-{kind}", found
    assert words in str(found.next), found.next
    told = last_words.lines(said.get("failed", said)["log"])[-8:]
    assert found.evidence.splitlines()[: len(told)] == told
    assert found.evidence.splitlines()[-1].startswith("health check: ")


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("django.db.utils.OperationalError: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused", "address-local"),
        ("Error: connect ECONNREFUSED 127.0.0.1:6379", "address-local"),
        ("redis.exceptions.ConnectionError: Error 111 connecting to cache.example:6379. Connection refused.", "service-unreachable"),
        ("psycopg.OperationalError: FATAL:  no pg_hba.conf entry for host \"10.1.2.3\", user \"a\", database \"a\", no encryption", "database-encryption"),
        ("Get \"https://api.example/\": tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate-untrusted"),
        ("/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /server)", "library-missing"),
        ("{\"init terminating in do_boot\",{#{'__exception__'=>true,message=><<101,110,118,105,114,111,110,109,101,110,116,32,118,97,114,105,97,98,108,101,32,88,32,105,115,32,109,105,115,115,105,110,103,46>>},[]}}", "variable-missing"),
    ],
)  # fmt: skip
def test_more_that_people_meet(log, kind):
    found = start.cause("i-1", start.read(ends(log)), application("django"))
    assert found is not None and found.code == f"application-{kind}", found


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (ends("", 127), "program-missing"), (ends("starting", 137), "killed"), (ends("done", 0), "ended"), (ends("", 139), "crashed"),
        (answers(404), "path-missing"), (answers(401), "sign-in"), (answers(503, "", "degraded"), "unwell"),
    ],
)  # fmt: skip
def test_without_words_the_end_or_the_answer_says_it(said, kind):
    found = start.cause("i-1", start.read(said), application("go"))
    assert found is not None and found.code == f"application-{kind}", found


@pytest.mark.parametrize(
    "said",
    [runs(""), runs("booting\nwarming the cache"), {}, {"container": "Error: No such object: hermes"}, runs("", listens=[]),
     runs(GUNICORN.format("0.0.0.0:8000") + "\nPermission denied", health={"status": 200})],
)  # fmt: skip
def test_without_evidence_nothing_is_guessed(said):
    assert start.cause("i-1", start.read(said), application("django")) is None


def test_a_failed_release_begins_with_its_own_words_though_the_one_before_runs_again():
    """What runs now is well, and its log says nothing of the failure."""
    history = [{"at": "2026-11-30T10:00:00+00:00", "what": "failed", "detail": "nothing has changed for 1211 s"}]
    failed = FAILS["django", "module"][0]
    well = {"container": {"status": "running", "restarts": 0}, "log": [], "health": {"status": 200}, "docker": "active"}
    first, *rest = why.of_release("v2", history, {"i-1": {**well, "failed": failed}}, application("django"))
    assert (first.code, first.what) == (
        "application-module-missing",
        "ModuleNotFoundError: No module named 'shop.wsgi'",
    )
    assert [one.code for one in rest] == ["release-failed"]


def test_several_instances_with_one_cause_are_told_once():
    history = [{"at": "2026-11-30T10:00:00+00:00", "what": "failed", "detail": "x"}]
    said = FAILS["node", "variable"][0]
    found = list(why.of_release("v2", history, {"i-1": said, "i-2": said}, application("node")))
    assert [one.code for one in found].count("application-variable-missing") == 1 and "i-2" in found[0].where
