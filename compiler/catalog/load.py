"""Catalog, load: what can be wrong with a file before anybody looks at what it says."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, OVERRIDE, Entry, file, in_service, in_web

_GROUP = "Resources: {WebGroup: {Properties: {MaxInstanceLifetime: 604800}}}"

ENTRIES = (
    Entry(
        code="D101",
        title="Not valid YAML",
        explanation="""
            The text does not follow YAML's grammar, so nothing after this place can be read. The usual causes are
            indentation that does not match, a tab, a bracket that is never closed, and a value with `: ` in it that is
            not in quotes. Repair the line that is shown, or the one before it.
        """,
        wrong=in_web("scaling: {min: 2, max: 2"),
        right=in_web("scaling: {min: 2, max: 2}"),
    ),
    Entry(
        code="D102",
        title="Key written twice",
        explanation="""
            Two entries of one map have the same key. Most readers of YAML keep the last one without a word, and the
            first is lost. Keep one of the two, or put what both of them say under one key.
        """,
        wrong=in_web("dns: shop\ndns: store"),
        right=in_web("dns: shop"),
    ),
    Entry(
        code="D103",
        title="Plain text that YAML reads as something else",
        explanation="""
            By the rules of YAML 1.1 `on`, `yes` and `NO` are booleans, `2026-11-21` is a date, `12:30` is the number
            750 and `010` is the number 8. Whoever wrote them rarely means that, and other readers of YAML disagree. Put
            the value in quotes; if you do mean a boolean or a number, write `true`, `false` or plain decimal digits.
        """,
        wrong=in_service("config:\n  COUNTRY: NO\n  OPENS_AT: 12:30"),
        right=in_service('config:\n  COUNTRY: "NO"\n  OPENS_AT: "12:30"'),
    ),
    Entry(
        code="D104",
        title="Not a text",
        explanation="""
            The file is not UTF-8, or it holds a control character, itself or as an escape. CloudFormation accepts
            neither, and an editor may not even show it. Save the file as UTF-8 and remove the character.
        """,
        wrong=in_service(r'description: "Sells \x07 bells"'),
        right=in_service('description: "Sells bells"'),
    ),
    Entry(
        code="D105",
        title="Too large or too deep",
        explanation="""
            A file, or what its aliases expand to, is larger or nested deeper than anything that a person writes by
            hand; so is a folder whose archive would be. The limits keep a hostile or broken file from exhausting the
            machine that compiles it. Split the file, write aliases out, and keep build products out of the folder.
        """,
        wrong=in_service(
            """
            config:
              A: &a [x, x, x, x, x, x, x, x, x, x]
              B: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
              C: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
              D: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
              E: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
            """
        ),
        right=in_service("config:\n  A: x"),
    ),
    Entry(
        code="D106",
        title="Key is not a string",
        explanation="""
            A key of a map is a number, a boolean, null, a list or a map. The keys of JSON, which CloudFormation reads,
            are strings. Put the key in quotes if that is what you mean.
        """,
        wrong=in_service("config: {404: gone}"),
        right=in_service("config: {STATUS_404: gone}"),
    ),
    Entry(
        code="D107",
        title="Tag or merge key that is not known here",
        explanation="""
            `service.yml` holds plain data: it knows neither tags such as `!Ref` nor the merge key `<<`. Overrides and
            additions know the short forms of CloudFormation's functions and no other tag. Write a plain value, spell
            the function as CloudFormation does, or write out the keys that were to be merged.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: !Reff Lifetime"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
    ),
    Entry(
        code="D108",
        title="Number that is not finite",
        explanation="""
            `.inf`, `.nan` and numbers too large for a computer have no place in JSON, and so none in a template. Write
            a number in range, or put the text in quotes if it is no number at all.
        """,
        wrong=in_web("alarms: {latency: {amber: 1, red: .inf}}"),
        right=in_web("alarms: {latency: {amber: 1, red: 10}}"),
    ),
    Entry(
        code="D110",
        title="No service.yml",
        explanation="""
            The folder holds no `service.yml`, so it is not the root of a service repository. Name the right folder on
            the command line, or give the file exactly this name.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D111",
        title="Path that leads out, or is no file",
        explanation="""
            A symbolic link points out of the repository, or there is a device, a socket or a file that cannot be read
            where a file is expected. What is compiled has to be what was committed, on every machine. Put a copy of the
            file in the link's place.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D112",
        title="Both cloudFormation/ and cloudformation/",
        explanation="""
            The two folders differ only in the case of a letter. On some machines they are one folder and on others
            two, so what is compiled would depend on the machine. Move everything into `cloudFormation/`.
        """,
        wrong={
            **file("cloudFormation/overrides/web.yml", _GROUP),
            **file(
                "cloudformation/overrides/group.yml", "Resources: {WebGroup: {Properties: {CapacityRebalance: true}}}"
            ),
        },
        right={
            **file("cloudFormation/overrides/web.yml", _GROUP),
            **file(
                "cloudFormation/overrides/group.yml", "Resources: {WebGroup: {Properties: {CapacityRebalance: true}}}"
            ),
        },
    ),
    Entry(
        code="D113",
        title="Several YAML documents in one file",
        explanation="""
            A line `---` begins a second document, and only one can count. Put the second into a file of its own, or
            remove the line.
        """,
        wrong=file(OVERRIDE, f"{_GROUP}\n---\nResources: {{}}"),
        right=file(OVERRIDE, _GROUP),
    ),
    Entry(
        code="D114",
        title="File that nothing reads",
        explanation="""
            There is something under `cloudFormation/` that has no effect: a suffix other than .yml, .yaml and .json, a
            folder beside `overrides/` and `additions/`, or a folder within the folder of an environment. Whoever put it
            there expects it to do something. Rename it, move it to its place or out of `cloudFormation/`; files that
            end in .md and hidden files may stay, though one such as `.web.yml` is a warning. Under `ansible/` it is a
            name close to one that Ansible reads, such as `playbook.yaml` or `roless/`, and as a warning a role that no
            playbook names.
        """,
        wrong=file("cloudFormation/override/web.yml", _GROUP),
        right=file(OVERRIDE, _GROUP),
    ),
    Entry(
        code="D116",
        title="Empty file",
        explanation="""
            The file holds nothing, or nothing but comments. An empty override or addition does nothing and an empty
            `service.yml` describes no service, so something was probably lost. Fill it or delete it.
        """,
        wrong=file(ADDITION, "# the archive comes here"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
    Entry(
        code="D117",
        title="Base that cannot be read",
        explanation="""
            `extends` names a descriptor that is not there. A value with a slash or a suffix is a path from the file
            that says it, and has to stay inside the git repository; any other value names a base of the library.
        """,
        wrong=in_service("extends: team.yml"),
        right={**in_service("extends: team.yml"), **file("team.yml", "description: A shop")},
    ),
    Entry(
        code="D118",
        title="Base that extends itself",
        explanation="""
            A descriptor extends another, which extends the first again, so that none of them is the weakest. Remove one
            of the `extends`.
        """,
        wrong={
            **in_service("extends: team.yml"),
            **file("team.yml", "extends: company.yml"),
            **file("company.yml", "extends: team.yml"),
        },
        right={**in_service("extends: team.yml"), **file("team.yml", "description: A shop")},
    ),
    Entry(
        code="D119",
        title="File that git ignores",
        explanation="""
            A file of the service is named in `.gitignore`. A service is what git tracks or would track, so that one
            commit always gives the same bytes, here and in CI, and a file of local secrets is never published: what git
            ignores under `cloudFormation/`, `ansible/` and `src/`, and an ignored `flagstone.lock`, stays out. Take it
            out of `.gitignore` if the service needs it; otherwise all is well. Where git ignores `service.yml` itself,
            as in a copy below somebody's build folder, git has no say, and all files belong.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D120",
        title="Git refuses",
        explanation="""
            The folder lies in a git repository, and git cannot be run or does not answer; the message holds its own
            words. Often the repository belongs to another user, and git asks for `safe.directory`. Without git nobody
            knows which commit this is and which files it ignores, so all of them are taken for the service's; nothing
            of that kind is published, unless `--allow-dirty` says that it may be.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D121",
        title="Commit and folder differ in their files",
        explanation="""
            The commit holds files that are not in the folder: a submodule is not checked out, or a sparse checkout
            leaves them out. Or the folder holds a git repository of its own that is no submodule, so that no commit
            holds its files. Either way the same commit would give other bytes elsewhere.
        """,
        is_shown_by_files=False,
    ),
)
