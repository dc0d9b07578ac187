"""Names of variables to think twice about before setting them: they run code, or hold a secret."""

from collections.abc import Iterator

from webhook.grammar.complaint import show
from webhook.grammar.glob import expression, program

# A glob, and what such a variable makes a container of Airflow do. The options of Airflow are those whose
# description in config.yml (2.10.5, 3.0.6) speaks of an import, a path to code or a program.
_RUNS_CODE = (
    ("LD_*", "the dynamic loader loads the libraries it names"),
    ("GCONV_PATH", "the C library loads character sets as code from it"),
    ("GLIBC_TUNABLES", "it changes how the C library works, for every program"),
    ("OPENSSL_*", "OpenSSL loads the engines and providers that it configures"),
    ("PATH", "it says which programs run"),
    ("HOME", "shells and Python run start-up files and packages from it"),
    ("ENV", "a shell runs the file it names"),
    ("BASH_ENV", "bash runs the file it names"),
    ("BASH_FUNC_*", "bash takes it for a function"),
    ("SHELLOPTS", "bash sets the options it names, and with xtrace runs what PS4 says"),
    ("PS4", "bash expands it, commands included, when it traces"),
    ("PYTHONPATH", "Python imports from it first"),
    ("PYTHONHOME", "Python takes its standard library from it"),
    ("PYTHONSTARTUP", "an interactive Python runs the file it names"),
    ("PYTHONUSERBASE", "Python imports packages and runs .pth files from it"),
    ("PYTHONPLATLIBDIR", "Python takes its standard library from it"),
    ("PYTHONPYCACHEPREFIX", "Python runs compiled modules from it"),
    ("PYTHONBREAKPOINT", "breakpoint() imports and calls what it names"),
    ("PYTHONWARNINGS", "Python imports the module of a category that it names"),
    ("PIP_*", "pip installs from where it says"),
    ("UV_*", "uv installs from where it says"),
    ("_PIP_ADDITIONAL_REQUIREMENTS", "the entry point of Airflow's image installs what it lists"),
    ("GIT_SSH*", "git runs it as a command"),
    ("GIT_ASKPASS", "git runs it as a command"),
    ("SSH_ASKPASS", "ssh and git run it as a command"),
    ("GIT_EXEC_PATH", "git runs its own commands from it"),
    ("GIT_CONFIG*", "it sets options of git that run commands"),
    ("GUNICORN_CMD_ARGS", "gunicorn takes options from it that load code"),
    ("JAVA_TOOL_OPTIONS", "Java loads the agents it names"),
    ("*JAVA_OPTIONS", "Java loads the agents it names"),
    ("CLASSPATH", "Java loads classes from it"),
    ("NODE_OPTIONS", "Node.js loads the modules it names"),
    ("PERL5*", "Perl loads the modules it names"),
    ("RUBY*", "Ruby loads the libraries it names"),
    ("AIRFLOW_HOME", "Airflow reads its configuration, DAGs and plugins below it"),
    ("AIRFLOW_CONFIG", "Airflow reads the configuration it names, commands included"),
    ("AIRFLOW__*_CMD", "Airflow runs the value as a command"),
    ("AIRFLOW__*__DAGS_FOLDER", "Airflow runs the Python files in it"),
    ("AIRFLOW__*__PLUGINS_FOLDER", "Airflow imports the Python files in it"),
    ("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE*", "Airflow imports the classes it names and runs the DAGs they fetch"),
    ("AIRFLOW__*__CONFIG_FILE", "the web server runs the Python file it names"),
    ("AIRFLOW__*TEMPLATE_FILE", "the executor makes pods from the file it names"),
    ("AIRFLOW__CORE__EXECUTOR", "Airflow imports the class it names"),
    ("AIRFLOW__CORE__*_MANAGER", "Airflow imports the class it names"),
    ("AIRFLOW__CORE__*TASK_RUNNER", "Airflow imports the class it names"),
    ("AIRFLOW__CORE__*PICKL*", "Airflow runs what others pickled"),
    ("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES*", "Airflow makes objects of the classes it names"),
    ("AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS", "Airflow imports the object it names"),
    ("AIRFLOW__*BACKEND", "Airflow imports the class it names"),
    ("AIRFLOW__*BACKENDS", "Airflow imports the modules it names"),
    ("AIRFLOW__*_CLASS", "Airflow imports the class it names"),
    ("AIRFLOW__*_CLASSES", "Airflow imports the classes it names"),
    ("AIRFLOW__*CLIENT_PATH", "Airflow imports the class it names"),
    ("AIRFLOW__*_CALLABLE", "Airflow imports the function it names"),
    ("AIRFLOW__*_MANAGERS", "Airflow imports the classes it names"),
    ("AIRFLOW__*SQL_ALCHEMY_CONNECT_ARGS", "Airflow imports the object it names"),
    ("AIRFLOW__*SQL_ALCHEMY_SESSION_MAKER", "Airflow imports the function it names"),
    ("AIRFLOW__DATABASE__ALEMBIC_INI_FILE_PATH", "migrations run the scripts it configures"),
    ("AIRFLOW__LOGGING__SECRET_MASK_ADAPTER", "Airflow imports the function it names"),
    ("AIRFLOW__LOGGING__INTERLEAVE_TIMESTAMP_PARSER", "Airflow imports the function it names"),
    ("AIRFLOW__SENTRY__BEFORE_SEND", "Airflow imports the function it names"),
    ("AIRFLOW__CLI__API_CLIENT", "Airflow imports the module it names"),
    ("AIRFLOW__KERBEROS__KINIT_PATH", "Airflow runs the program it names"),
)

# Globs of names whose value is usually a secret, or holds one within a URL or JSON; they cover every option that
# config.yml calls sensitive.
_SECRET = (
    *("*TOKEN", "*PASSWORD", "*PASSWD", "*PASSPHRASE", "*_PASS", "*_PWD", "*SECRET", "*CREDENTIAL"),
    *("*API_KEY", "*APIKEY", "*ACCESS_KEY", "*ACCOUNT_KEY", "*PRIVATE_KEY", "*SECRET_KEY", "*FERNET_KEY"),
    *("*_DSN", "*_BASIC_AUTH", "AIRFLOW_CONN_*", "AIRFLOW__*_CONN", "AIRFLOW__*BROKER_URL", "AIRFLOW__*RESULT_BACKEND"),
    *("AIRFLOW__*_KWARGS", "AIRFLOW__*ENGINE_ARGS"),
)

_RUNS_CODE_PROGRAMS = tuple((program(expression(glob)), how) for glob, how in _RUNS_CODE)
_SECRET_PROGRAMS = tuple(program(expression(glob)) for glob in _SECRET)


def objections(name: str, *, plain: bool) -> Iterator[str]:
    """Yield why a variable of this *name* must not be set just like that; *plain*: its value will stand in the pod.

    >>> list(objections("DEPLOY_ENV", plain=True))
    []
    """
    if how := runs_code(name):
        yield f"{show(name)} runs code: {how}; say allowUnsafe: true if that is meant"
    if plain and holds_secret(name):
        yield (
            f"{show(name)} seems to hold a secret, which would stand in plain sight in the pod; use valueFrom with a"
            " secretKeyRef, or say allowUnsafe: true if it is none"
        )


def runs_code(name: str) -> str:
    """Return how a variable of this *name* makes a container run code, or nothing if it does not.

    >>> runs_code("PYTHONPATH"), runs_code("DEPLOY_ENV")
    ('Python imports from it first', '')
    """
    raw = name.encode(errors="replace")
    return next((how for compiled, how in _RUNS_CODE_PROGRAMS if compiled.fullmatch(raw)), "")


def holds_secret(name: str) -> bool:
    """Return whether the value of a variable of this *name* is usually a secret.

    `AIRFLOW__*_SECRET` does not when it belongs to an option that does: Airflow looks its value up elsewhere.

    >>> holds_secret("SLACK_TOKEN"), holds_secret("TOKEN_URL")
    (True, False)
    >>> holds_secret("AIRFLOW__API_AUTH__JWT_SECRET"), holds_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET")
    (True, False)
    """
    if name.startswith("AIRFLOW__") and name.endswith("_SECRET") and holds_secret(name.removesuffix("_SECRET")):
        return False
    raw = name.upper().encode(errors="replace")
    return any(compiled.fullmatch(raw) for compiled in _SECRET_PROGRAMS)
