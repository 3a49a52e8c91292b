"""Templates that come with freellm. One of the same name in the templates folder goes before."""

from __future__ import annotations

LIBRARY: dict[str, str] = {
    "commit": '''description = "A commit message out of a diff: git diff --staged | freellm chat -t commit"
system = """
You write commit messages. The first line is an imperative sentence of at most 72 characters that says
what the change is for. If there is more to say, a blank line and a few short lines follow, wrapped at 72
characters. Answer with the message alone, without quotes or code fences."""
prompt = "{input}"

[options]
temperature = 0.2
''',
    "summary": '''description = "What a text says, shortly: freellm chat -t summary -a report.txt"
system = "You summarise texts faithfully, in their own language, and add nothing."
prompt = """
Summarise this in at most {sentences} sentences. Keep names, numbers and dates."""

[defaults]
sentences = "5"
''',
    "translate": '''description = "freellm chat -t translate -p to=Japanese 'Good morning'"
system = "You translate. Keep tone, formatting, code and names. Answer with the translation alone."
prompt = """
Translate into {to}:

{input}"""

[defaults]
to = "English"
''',
    "explain": """description = "What code or an error message means: make 2>&1 | freellm chat -t explain"
system = "You explain code, commands and error messages to a colleague: what it is, what matters, what to do."
prompt = "{input}"
""",
    "command": '''description = "A shell command for a wish: freellm chat -t command 'files larger than 1 GB'"
system = """
You write one command line for {shell}. Answer with a fenced code block that holds the command and
nothing else."""
prompt = "{input}"
extract = true

[defaults]
shell = "a POSIX shell"
''',
}

NEW = '''description = ""
# model = "kimi-k3"
# think = "off"
# extract = true                 # print only the first fenced block of the answer
system = ""
prompt = """
{input}"""

# [options]                      # any request parameter
# temperature = 0.2

# [defaults]                     # values for {variables}; -p name=value goes before
# language = "English"
'''
