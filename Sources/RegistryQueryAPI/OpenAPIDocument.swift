/// The contract, as `/openapi.yaml` serves it.
///
/// It is part of the binary, so that the binary is all there is to deploy.
let openAPIDocument = #"""
    openapi: 3.1.0
    info:
      title: registry-query
      version: 1.0.0
      summary: Which tags there are, which version comes next, and building it.
      description: |
        Stands between an automation tool and a container registry with its builders.

        Answers are JSON objects in `camelCase`; absent values are `null`; times are RFC 3339 in UTC. An answer comes
        within 30 s, plus the wait that was asked for. Every answer has an `X-Request-Id`, the caller's own if it sent
        a usable one. A `traceparent` (W3C Trace Context) is passed on to the registry and to the callback of a build.

        Errors are `application/problem+json` (RFC 9457) with a stable `code` and a `message`. 400 says that a request
        does not have the form that is described here (no JSON, an unknown or repeated field or parameter, a value of
        the wrong type), 422 that a value cannot be used or is missing. What is wrong with a request is told at once,
        in `errors`. In request bodies `null` counts as absent.

        Where the service has tokens, each route except `/`, `/healthz`, `/readyz` and `/webhooks/github` wants
        `Authorization: Bearer <token>` with the scope named at the route; `read` includes `metrics`. Where it has none
        it answers only to names of its own machine in `Host`,
        and to no web page.

        A request line or header that is no HTTP, or larger than 16 KiB (32 KiB in all), is answered 400 without a
        body.

        GET routes also answer HEAD, except those whose answers go on without a known length.
    servers:
      - url: /
    security:
      - token: []
      - {}
    tags:
      - name: versions
        description: What there is, and what comes next.
      - name: builds
        description: Reserving a version and building it.
      - name: webhooks
        description: What others tell the service.
      - name: service
        description: The service itself.
    paths:
      /tags/{webapp}:
        parameters:
          - $ref: '#/components/parameters/webapp'
        get:
          tags: [versions]
          operationId: listTags
          summary: The tags of a webapp
          description: |
            Scope `read`. Versions first, highest first, then the other tags by name. The list is complete or the
            answer is an error. It may be a few seconds old, as `Age` says; `Cache-Control: no-cache` asks the
            registry anew.
          parameters:
            - $ref: '#/components/parameters/range'
            - name: prereleases
              in: query
              description: Whether prereleases count for `latest` and `range`. Without it they do where the range names them.
              schema:
                type: boolean
            - name: limit
              in: query
              description: How many tags to list at most; `count` counts all.
              schema:
                type: integer
                minimum: 1
                maximum: 100000
            - $ref: '#/components/parameters/freshness'
          responses:
            '200':
              description: The tags.
              headers:
                Age:
                  $ref: '#/components/headers/Age'
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Tags'
                  example:
                    webapp: app-example
                    repository: webapp/app-example
                    latest: v1.10.0
                    count: 4
                    tags: [v1.10.0, v1.9.0, v1.9.0-rc.1, latest]
              links:
                image:
                  operationId: showTag
                  parameters:
                    webapp: $request.path.webapp
                    tag: $response.body#/latest
            '400':
              $ref: '#/components/responses/Problem'
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '404':
              description: The registry does not know the repository.
              content:
                application/problem+json:
                  schema:
                    $ref: '#/components/schemas/Problem'
                  example:
                    type: urn:registry-query:problem:repository_unknown
                    title: The registry does not know the repository
                    status: 404
                    detail: the registry registry.k8s-lab.dev does not know the repository webapp/app-new
                    code: repository_unknown
                    message: the registry registry.k8s-lab.dev does not know the repository webapp/app-new
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /tags/{webapp}/{tag}:
        parameters:
          - $ref: '#/components/parameters/webapp'
          - name: tag
            in: path
            required: true
            description: A tag, as the registry has it.
            schema:
              type: string
              pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$'
            example: v1.2.3
        get:
          tags: [versions]
          operationId: showTag
          summary: What is behind a tag
          description: Scope `read`.
          responses:
            '200':
              description: The image.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Image'
                  example:
                    tag: v1.2.3
                    image: registry.k8s-lab.dev/webapp/app-example:v1.2.3
                    digest: sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
                    mediaType: application/vnd.oci.image.manifest.v1+json
                    size: 7211520
                    platforms: [linux/arm64]
                    createdAt: '2026-11-22T19:50:01.000Z'
                    revision: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                    source: https://github.com/example/webapps
                    labels:
                      org.opencontainers.image.version: v1.2.3
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /next/{webapp}:
        parameters:
          - $ref: '#/components/parameters/webapp'
        get:
          tags: [versions]
          operationId: showNext
          summary: The version that comes next
          description: |
            Scope `read`. Promises nothing: only a build reserves a version. A repository without versions has
            `current: null` and the configured first version as `next`.
          parameters:
            - name: bump
              in: query
              description: What to raise.
              schema:
                enum: [major, minor, patch, prerelease]
                default: patch
            - name: prereleaseId
              in: query
              description: The identifiers of the prerelease; with `bump=prerelease` only.
              schema:
                $ref: '#/components/schemas/PrereleaseId'
            - $ref: '#/components/parameters/range'
            - $ref: '#/components/parameters/freshness'
          responses:
            '200':
              $ref: '#/components/responses/Next'
            '400':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
        post:
          tags: [versions]
          operationId: showNextOfCommits
          summary: The version that Conventional Commits ask for
          description: Scope `read`. `releaseNeeded` is `false` and `next` is `null` when no commit asks for a release.
          parameters:
            - $ref: '#/components/parameters/freshness'
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/NextRequest'
                example:
                  commits: ['feat: a list of favourites', 'fix(api): no crash without a name']
          responses:
            '200':
              $ref: '#/components/responses/Next'
            '400':
              $ref: '#/components/responses/Problem'
            '413':
              $ref: '#/components/responses/Problem'
            '415':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /webapps:
        get:
          tags: [versions]
          operationId: listWebapps
          summary: The webapps that are known
          description: |
            Scope `read`. From the registry's catalog, complete or an error, and from builds. Where the registry has no
            catalog or does not allow it, `source` is `builds`, and webapps without a known build are missing. The catalog
            may be a minute old; `Cache-Control: no-cache` asks the registry anew.
          parameters:
            - $ref: '#/components/parameters/freshness'
          responses:
            '200':
              description: Their names.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Webapps'
                  example:
                    webapps: [app-blog, app-example]
                    source: registry
                    message: null
            '400':
              $ref: '#/components/responses/Problem'
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /webapps/{webapp}:
        parameters:
          - $ref: '#/components/parameters/webapp'
        get:
          tags: [versions]
          operationId: showWebapp
          summary: A webapp at a glance
          description: |
            Scope `read`. A webapp without a repository has `latest: null` and the configured first version as each
            `next`. As old as `Age` says; `Cache-Control: no-cache` asks the registry anew.
          parameters:
            - $ref: '#/components/parameters/freshness'
          responses:
            '200':
              description: The webapp.
              headers:
                Age:
                  $ref: '#/components/headers/Age'
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Webapp'
                  example:
                    webapp: app-example
                    repository: webapp/app-example
                    latest: v1.2.3
                    digest: sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
                    createdAt: '2026-11-22T19:50:01.000Z'
                    size: 7211520
                    count: 14
                    next: {patch: v1.2.5, minor: v1.3.0, major: v2.0.0}
                    inFlight: [v1.2.4]
                    usualDurationSeconds: 41.5
            '400':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /webapps/{webapp}/history:
        parameters:
          - $ref: '#/components/parameters/webapp'
        get:
          tags: [versions]
          operationId: showHistory
          summary: The versions of a webapp, and its builds that have ended
          description: |
            Scope `read`. The highest versions with the time at which each was made: all of them or an error. A
            repetition of a request that took too long comes further than the one before.
          parameters:
            - name: limit
              in: query
              description: How many versions there are at most.
              schema:
                type: integer
                minimum: 1
                maximum: 100
                default: 30
            - $ref: '#/components/parameters/freshness'
          responses:
            '200':
              description: The history.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/History'
                  example:
                    webapp: app-example
                    since: '2026-11-22T08:00:00.000Z'
                    versions:
                      - tag: v1.2.3
                        createdAt: '2026-11-22T19:50:01.000Z'
                        digest: sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
                    builds:
                      - id: build-app-example-v1-2-3
                        tag: v1.2.3
                        status: succeeded
                        createdAt: '2026-11-22T19:49:20.000Z'
                        finishedAt: '2026-11-22T19:50:03.500Z'
                        durationSeconds: 42.25
            '400':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /builds:
        post:
          tags: [builds]
          operationId: startBuild
          summary: Reserve a version and build it
          callbacks:
            ended:
              '{$request.body#/callbackUrl}':
                post:
                  summary: The build that was asked for with a `callbackUrl` has ended
                  description: |
                    Signed as Standard Webhooks 1.0.0 has it. The id is the same each time, timestamp and signature are
                    not.
                  security: []
                  parameters:
                    - name: webhook-id
                      in: header
                      required: true
                      schema:
                        type: string
                    - name: webhook-timestamp
                      in: header
                      required: true
                      description: Seconds since 1970.
                      schema:
                        type: string
                        pattern: '^[0-9]+$'
                    - name: webhook-signature
                      in: header
                      description: '`v1,` and the HMAC-SHA-256 of id, timestamp and body, for each key, with spaces between.'
                      schema:
                        type: string
                    - name: X-Callback-Secret
                      in: header
                      description: The first key itself, for receivers that cannot check signatures.
                      schema:
                        type: string
                  requestBody:
                    required: true
                    content:
                      application/json:
                        schema:
                          $ref: '#/components/schemas/Build'
                  responses:
                    2XX:
                      description: Delivered.
                    default:
                      description: Tried again, or given up; see `callback` of the build.
          description: |
            Scope `build`. The version is that of `version`, or the one that `commits` ask for, or the next by `bump`.
            It belongs to this build alone. With an `Idempotency-Key`, a repetition answers with the same build for as
            long as that build is known.
          parameters:
            - $ref: '#/components/parameters/idempotencyKey'
          requestBody:
            required: true
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/BuildRequest'
                examples:
                  next:
                    summary: The next patch version of the default branch
                    value:
                      webapp: app-example
                  commits:
                    summary: The version that the commits ask for, pinned to a commit
                    value:
                      webapp: app-example
                      bump: auto
                      commits: ['feat: a list of favourites']
                      git:
                        commit: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                  version:
                    summary: This version and no other
                    value:
                      webapp: app-example
                      version: v2.0.0
          responses:
            '200':
              description: |
                The build that the key started before (`Idempotent-Replayed: true`), or that no commit asks for a
                release.
              headers:
                Location:
                  $ref: '#/components/headers/Location'
                Idempotent-Replayed:
                  description: Whether this is the build of an earlier request with the same key.
                  schema:
                    const: 'true'
              content:
                application/json:
                  schema:
                    oneOf:
                      - $ref: '#/components/schemas/Build'
                      - $ref: '#/components/schemas/ReleaseNotNeeded'
                  example:
                    webapp: app-example
                    releaseNeeded: false
                    current: v1.2.3
                    message: no commit asks for a release of app-example; its version stays v1.2.3
            '202':
              description: A version was reserved, and its build started or queued.
              headers:
                Location:
                  description: The path of the build.
                  required: true
                  schema:
                    type: string
                Retry-After:
                  $ref: '#/components/headers/RetryAfter'
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Build'
                  examples:
                    queued:
                      $ref: '#/components/examples/Build'
              links:
                build:
                  operationId: showBuild
                  parameters:
                    id: $response.body#/id
                log:
                  operationId: showLog
                  parameters:
                    id: $response.body#/id
                events:
                  operationId: followBuild
                  parameters:
                    id: $response.body#/id
                cancel:
                  operationId: cancelBuild
                  parameters:
                    id: $response.body#/id
                retry:
                  description: Once the build has ended.
                  operationId: retryBuild
                  parameters:
                    id: $response.body#/id
                image:
                  description: Once the build has succeeded.
                  operationId: showTag
                  parameters:
                    webapp: $response.body#/webapp
                    tag: $response.body#/tag
            '400':
              $ref: '#/components/responses/Problem'
            '409':
              $ref: '#/components/responses/Problem'
            '413':
              $ref: '#/components/responses/Problem'
            '415':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
        get:
          tags: [builds]
          operationId: listBuilds
          summary: The builds that are known
          description: Scope `read`. Newest first. A build is known until its Job is cleaned away.
          parameters:
            - name: webapp
              in: query
              description: Only builds of this webapp.
              schema:
                $ref: '#/components/schemas/WebappName'
            - name: status
              in: query
              description: Only builds in this state.
              schema:
                $ref: '#/components/schemas/Status'
          responses:
            '200':
              description: The builds.
              content:
                application/json:
                  schema:
                    type: object
                    required: [builds]
                    properties:
                      builds:
                        type: array
                        items:
                          $ref: '#/components/schemas/Build'
                    additionalProperties: false
            '400':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /builds/{id}:
        parameters:
          - $ref: '#/components/parameters/id'
        get:
          tags: [builds]
          operationId: showBuild
          summary: A build
          description: Scope `read`. A failed build is an answer like any other; look at `status`.
          parameters:
            - name: wait
              in: query
              description: |
                How long to hold the answer until the build has ended: whole seconds, 60 at most, with or without an
                `s`.
              schema:
                type: string
                pattern: '^0*([1-5]?[0-9]|60)s?$'
              example: 30s
          responses:
            '200':
              description: The build, as it is.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Build'
                  examples:
                    running:
                      $ref: '#/components/examples/Build'
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
        delete:
          tags: [builds]
          operationId: cancelBuild
          summary: Cancel a build
          description: |
            Scope `build`. Stops the build and frees its version once nothing of it can push any more. To cancel a
            build that was cancelled is no error; one that has succeeded or failed answers 409 `build_finished`.
          responses:
            '202':
              description: The build, which ends.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Build'
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '409':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /builds/{id}/retry:
        parameters:
          - $ref: '#/components/parameters/id'
        post:
          tags: [builds]
          operationId: retryBuild
          summary: Build the same source again
          description: |
            Scope `build`. Starts a build of the commit that this one built, with the next version: a prerelease after a
            prerelease, else a patch. Nobody is called back. A build that has not ended answers 409 `build_not_finished`.
          parameters:
            - $ref: '#/components/parameters/idempotencyKey'
          responses:
            '200':
              description: The build that the key started before (`Idempotent-Replayed`).
              headers:
                Location:
                  $ref: '#/components/headers/Location'
                Idempotent-Replayed:
                  schema:
                    const: 'true'
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Build'
            '202':
              description: A version was reserved, and its build started or queued.
              headers:
                Location:
                  description: The path of the new build.
                  required: true
                  schema:
                    type: string
                Retry-After:
                  $ref: '#/components/headers/RetryAfter'
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Build'
                  examples:
                    queued:
                      $ref: '#/components/examples/Build'
              links:
                build:
                  operationId: showBuild
                  parameters:
                    id: $response.body#/id
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '409':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /builds/{id}/logs:
        parameters:
          - $ref: '#/components/parameters/id'
        get:
          tags: [builds]
          operationId: showLog
          summary: The output of clone and build, in order
          description: |
            Scope `read`. The connection breaks off when the service cannot read on, so that a part is not taken for
            the whole.
          parameters:
            - name: follow
              in: query
              description: Whether to go on until the build has ended.
              schema:
                type: boolean
                default: false
          responses:
            '200':
              description: The output.
              content:
                text/plain:
                  schema:
                    type: string
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '410':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /builds/{id}/events:
        parameters:
          - $ref: '#/components/parameters/id'
        get:
          tags: [builds]
          operationId: followBuild
          summary: A build, each time it has changed
          description: |
            Scope `read`. Server-sent events named `build`, whose data is the build document: one now, one for each
            change, and the last with `done: true`, after which the answer ends. Comments in between say that the
            connection lives.
          responses:
            '200':
              description: The events.
              content:
                text/event-stream:
                  schema:
                    description: One event.
                    type: object
                    required: [event, data]
                    properties:
                      event:
                        const: build
                      data:
                        type: string
                        contentMediaType: application/json
                        contentSchema:
                          $ref: '#/components/schemas/Build'
            '400':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '422':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /events:
        get:
          tags: [builds]
          operationId: followBuilds
          summary: All builds, each time something has changed
          description: |
            Scope `read`. Server-sent events. `builds` comes first, has all builds that have not ended and the newest 200,
            and replaces whatever was known; it comes again for a reader who does not keep up. `build` is a new build, or
            one that has changed. `gone` is one that is not shown any more: cleaned away, or too old. `trouble` says that
            nothing is known at the moment; `builds` ends it. Comments in between say that the connection lives. The
            answer ends when the service stops, and after two hours: connect again.
          responses:
            '200':
              description: The events.
              content:
                text/event-stream:
                  schema:
                    description: One event.
                    type: object
                    required: [event, data]
                    oneOf:
                      - properties:
                          event:
                            const: builds
                          data:
                            type: string
                            contentMediaType: application/json
                            contentSchema:
                              type: object
                              required: [builds]
                              properties:
                                builds:
                                  type: array
                                  items:
                                    $ref: '#/components/schemas/Build'
                      - properties:
                          event:
                            const: build
                          data:
                            type: string
                            contentMediaType: application/json
                            contentSchema:
                              $ref: '#/components/schemas/Build'
                      - properties:
                          event:
                            const: gone
                          data:
                            type: string
                            contentMediaType: application/json
                            contentSchema:
                              type: object
                              required: [id]
                              properties:
                                id:
                                  $ref: '#/components/schemas/BuildId'
                      - properties:
                          event:
                            const: trouble
                          data:
                            type: string
                            contentMediaType: application/json
                            contentSchema:
                              type: object
                              required: [message]
                              properties:
                                message:
                                  type: string
            '400':
              $ref: '#/components/responses/Problem'
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /webhooks/github:
        post:
          tags: [webhooks]
          operationId: receiveGitHubDelivery
          summary: A push to GitHub builds the webapps that it touched
          description: |
            Signed with the webhook's secret (`GITHUB_WEBHOOK_SECRET_FILE`); no token. The answer comes within 10 s,
            and lists what was started, what was skipped and why. Only pushes to the configured branch lead to builds,
            pinned to the commit that was pushed; each webapp's bump is what the commits that touched it ask for. If
            a build could not be created, the answer is 503 `builds_not_started`, and to redeliver the webhook
            completes it: nothing is started twice. A push that is older than what was built already starts nothing.
          security: []
          parameters:
            - name: X-Hub-Signature-256
              in: header
              required: true
              description: The HMAC-SHA-256 of the body, as GitHub makes it.
              schema:
                type: string
                pattern: '^sha256=[0-9A-Fa-f]{64}$'
              example: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17
            - name: X-GitHub-Event
              in: header
              required: true
              description: '`push` leads to builds, `ping` is answered, all others are ignored.'
              schema:
                type: string
                pattern: '^[a-z_]{1,64}$'
              example: push
          requestBody:
            required: true
            description: What GitHub sends, 10 MiB at most, as JSON or in the field `payload` of a form.
            content:
              application/json:
                schema:
                  $ref: '#/components/schemas/GitHubPush'
                example:
                  ref: refs/heads/main
                  before: 1f0e3d2b1a9f8e7d6c5b4a3f2e9f2c1d7e5b8a4c
                  after: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                  repository:
                    full_name: example/webapps
                    clone_url: https://github.com/example/webapps.git
                    pushed_at: 1795377001
                  sender:
                    login: octocat
                  commits:
                    - id: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                      message: 'feat: a list of favourites'
                      added: [app-example/favourites.html]
                      modified: [app-example/index.html]
                      removed: []
              application/x-www-form-urlencoded:
                schema:
                  type: object
                  required: [payload]
                  properties:
                    payload:
                      description: The same JSON as text.
                      type: string
                      contentMediaType: application/json
                      contentSchema:
                        $ref: '#/components/schemas/GitHubPush'
          responses:
            '200':
              description: What came of it.
              content:
                application/json:
                  schema:
                    oneOf:
                      - $ref: '#/components/schemas/PushReport'
                      - $ref: '#/components/schemas/IgnoredEvent'
                      - $ref: '#/components/schemas/Ping'
                  examples:
                    nothing:
                      summary: A push that needs no release
                      value:
                        event: push
                        repository: example/webapps
                        ref: refs/heads/main
                        commit: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                        complete: true
                        note: null
                        builds: []
                        skipped:
                          - path: app-example
                            webapp: app-example
                            reason: no commit that touched it asks for a release (feat, fix or a breaking change)
                        failed: []
                    ignored:
                      summary: A push to another branch
                      value:
                        event: push
                        ignored: '"refs/heads/test" is not built, only refs/heads/main is (GIT_BRANCH)'
                    ping:
                      summary: The webhook was set up
                      value:
                        event: ping
                        message: the signature is right; pushes to main build what they touch of *
            '400':
              description: The payload is malformed; `field` is a JSON path.
              content:
                application/problem+json:
                  schema:
                    $ref: '#/components/schemas/Problem'
                  example:
                    type: urn:registry-query:problem:invalid_payload
                    title: The payload of the webhook is malformed
                    status: 400
                    detail: $.commits[3].message must be a string, not a number
                    code: invalid_payload
                    message: $.commits[3].message must be a string, not a number
                    field: $.commits[3].message
            '401':
              $ref: '#/components/responses/Problem'
            '404':
              $ref: '#/components/responses/Problem'
            '408':
              $ref: '#/components/responses/Problem'
            '413':
              $ref: '#/components/responses/Problem'
            '415':
              $ref: '#/components/responses/Problem'
            '503':
              description: |
                Some builds could not be created (`builds_not_started`); the document also says what was. It has no
                more than a problem's members where not even the payload could be read, because too many others
                arrive at once; then there is a Retry-After.
              headers:
                Retry-After:
                  description: In how many seconds to redeliver, where the payload could not be read.
                  schema:
                    type: integer
                    minimum: 0
              content:
                application/problem+json:
                  schema:
                    anyOf:
                      - allOf:
                          - $ref: '#/components/schemas/Problem'
                          - $ref: '#/components/schemas/PushOutcome'
                      - $ref: '#/components/schemas/Problem'
                  example:
                    type: urn:registry-query:problem:builds_not_started
                    title: Not all builds were started
                    status: 503
                    detail: '1 of 1 builds were not started (app-example): the registry did not answer; redeliver the webhook to complete it, which starts nothing twice'
                    code: builds_not_started
                    message: '1 of 1 builds were not started (app-example): the registry did not answer; redeliver the webhook to complete it, which starts nothing twice'
                    event: push
                    repository: example/webapps
                    ref: refs/heads/main
                    commit: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
                    complete: true
                    note: null
                    builds: []
                    skipped: []
                    failed:
                      - webapp: app-example
                        code: registry_timeout
                        message: the registry did not answer
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /webhooks/registry:
        post:
          tags: [webhooks]
          operationId: receiveRegistryNotifications
          summary: A registry says that something has changed
          description: |
            Scope `read`. Takes the notifications of a registry (CNCF Distribution). What is cached for each repository
            that is named is dropped, so that a tag that was pushed by hand shows at once. Nothing else in them is
            believed: the registry is asked.
          requestBody:
            required: true
            content:
              application/vnd.docker.distribution.events.v2+json:
                schema:
                  $ref: '#/components/schemas/RegistryNotifications'
              application/vnd.docker.distribution.events.v1+json:
                schema:
                  $ref: '#/components/schemas/RegistryNotifications'
              application/json:
                schema:
                  $ref: '#/components/schemas/RegistryNotifications'
                example:
                  events:
                    - id: 6ad8b0b9-6a0d-4b0e-8f30-0d0a5a3b8a35
                      action: push
                      target:
                        repository: webapp/app-example
                        tag: v1.2.3
          responses:
            '200':
              description: The webapps whose tags are asked for anew.
              content:
                application/json:
                  schema:
                    type: object
                    required: [dropped]
                    properties:
                      dropped:
                        type: array
                        items:
                          $ref: '#/components/schemas/WebappName'
                    additionalProperties: false
                  example:
                    dropped: [app-example]
            '400':
              $ref: '#/components/responses/Problem'
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '413':
              $ref: '#/components/responses/Problem'
            '415':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /caller:
        get:
          tags: [service]
          operationId: showCaller
          summary: Who asks, and what that caller may do
          description: Scope `read`.
          responses:
            '200':
              description: The caller.
              content:
                application/json:
                  schema:
                    type: object
                    required: [name, scopes]
                    properties:
                      name:
                        description: The name of the token or service account; `null` where callers have no names.
                        type: [string, 'null']
                      scopes:
                        type: array
                        items:
                          enum: [read, build, metrics]
                    additionalProperties: false
                  example:
                    name: n8n
                    scopes: [read, build]
            '400':
              $ref: '#/components/responses/Problem'
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /:
        get:
          tags: [service]
          operationId: showPage
          summary: The page for people
          description: |
            One HTML document with its style and script in it. It has no data of its own: what it shows it asks for, with
            a token where one is needed.
          security: []
          parameters:
            - name: If-None-Match
              in: header
              description: The `ETag` of the page that is there already.
              schema:
                type: string
          responses:
            '200':
              description: The page.
              headers:
                ETag:
                  $ref: '#/components/headers/ETag'
                Content-Security-Policy:
                  description: Allows the page's own style and script, requests to this service, and nothing else.
                  required: true
                  schema:
                    type: string
              content:
                text/html:
                  schema:
                    type: string
            '304':
              description: The page is the one that is there already.
              headers:
                ETag:
                  $ref: '#/components/headers/ETag'
            default:
              $ref: '#/components/responses/Problem'
      /healthz:
        get:
          tags: [service]
          operationId: showHealth
          summary: Whether the process lives
          security: []
          responses:
            '200':
              description: It does.
              content:
                application/json:
                  schema:
                    type: object
                    required: [status]
                    properties:
                      status:
                        const: ok
                    additionalProperties: false
            default:
              $ref: '#/components/responses/Problem'
      /readyz:
        get:
          tags: [service]
          operationId: showReadiness
          summary: Whether the service is ready, with a reason per dependency
          description: |
            503 until registry and builder have each been well once since the start: then the configuration is known
            to work. From then on 200, whatever fails later: `dependencies` tells it, but no replica is taken out of
            service for it.
          security: []
          responses:
            '200':
              description: The service is ready.
              content:
                application/json:
                  schema:
                    $ref: '#/components/schemas/Readiness'
                  example:
                    ready: true
                    dependencies:
                      registry:
                        state: ok
                        message: null
                        checkedAt: '2026-11-22T19:50:01.000Z'
                      builder:
                        state: ok
                        message: null
                        checkedAt: '2026-11-22T19:50:01.000Z'
            '503':
              description: The service is not ready; the document also has `ready` and `dependencies`.
              headers:
                Retry-After:
                  $ref: '#/components/headers/RetryAfter'
              content:
                application/problem+json:
                  schema:
                    allOf:
                      - $ref: '#/components/schemas/Problem'
                      - $ref: '#/components/schemas/Readiness'
            default:
              $ref: '#/components/responses/Problem'
      /metrics:
        get:
          tags: [service]
          operationId: showMetrics
          summary: The metrics of this process, for Prometheus
          description: |
            Scope `metrics`. The text format 0.0.4, whatever `Accept` says. Which metrics there are is in
            `deploy/prometheus/METRICS.md`.
          responses:
            '200':
              description: The metrics as of now.
              content:
                text/plain; version=0.0.4; charset=utf-8:
                  schema:
                    type: string
                  example: |
                    # HELP registry_query_leader 1 where this replica settles builds and calls back, else 0.
                    # TYPE registry_query_leader gauge
                    registry_query_leader 1
            '401':
              $ref: '#/components/responses/Problem'
            '403':
              $ref: '#/components/responses/Problem'
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
      /openapi.yaml:
        get:
          tags: [service]
          operationId: showContract
          summary: This document
          description: Scope `read`.
          responses:
            '200':
              description: This document.
              content:
                application/yaml:
                  schema:
                    type: object
                    required: [openapi, info, paths]
            '429':
              $ref: '#/components/responses/TooManyFailures'
            default:
              $ref: '#/components/responses/Problem'
    components:
      securitySchemes:
        token:
          type: http
          scheme: bearer
          description: |
            A token of `API_TOKENS_FILE`, or the token of a Kubernetes service account in `API_SERVICE_ACCOUNTS` for
            the audience `API_TOKEN_AUDIENCE`.
      parameters:
        webapp:
          name: webapp
          in: path
          required: true
          description: The webapp.
          schema:
            $ref: '#/components/schemas/WebappName'
          example: app-example
        id:
          name: id
          in: path
          required: true
          description: The build's id.
          schema:
            $ref: '#/components/schemas/BuildId'
          example: build-app-example-v1-2-3
        range:
          name: range
          in: query
          description: Only versions within this range, in the syntax of npm and Flux.
          schema:
            $ref: '#/components/schemas/Range'
          example: ^1.2
        idempotencyKey:
          name: Idempotency-Key
          in: header
          description: |
            1 to 255 visible ASCII characters, in quotation marks or bare. A UUID is a good choice.
          schema:
            type: string
            pattern: '^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$'
          example: '"6ad8b0b9-6a0d-4b0e-8f30-0d0a5a3b8a35"'
        freshness:
          name: Cache-Control
          in: header
          description: '`no-cache` asks the registry anew.'
          schema:
            type: string
          example: no-cache
      headers:
        Age:
          description: How many seconds ago the registry was asked.
          required: true
          schema:
            type: integer
            minimum: 0
        Location:
          description: The path of the build.
          schema:
            type: string
        ETag:
          description: Tells one version of the page from another.
          required: true
          schema:
            type: string
        RetryAfter:
          description: In how many seconds to ask again.
          required: true
          schema:
            type: integer
            minimum: 0
      responses:
        Next:
          description: The version that comes next.
          headers:
            Age:
              $ref: '#/components/headers/Age'
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Next'
              example:
                webapp: app-example
                repository: webapp/app-example
                current: v1.2.3
                next: v1.2.4
                image: registry.k8s-lab.dev/webapp/app-example:v1.2.4
                bump: patch
                releaseNeeded: true
                inFlight: []
        TooManyFailures:
          description: |
            Too many attempts with a wrong token or signature came from this address (`too_many_failures`). The
            connection is closed.
          headers:
            Retry-After:
              $ref: '#/components/headers/RetryAfter'
          content:
            application/problem+json:
              schema:
                $ref: '#/components/schemas/Problem'
        Problem:
          description: What went wrong and what to do.
          content:
            application/problem+json:
              schema:
                $ref: '#/components/schemas/Problem'
              example:
                type: urn:registry-query:problem:invalid_value
                title: A value cannot be used
                status: 422
                detail: 'webapp: "App" is not a DNS label (1 to 63 of a-z, 0-9 and ''-'', not at either end)'
                code: invalid_value
                message: 'webapp: "App" is not a DNS label (1 to 63 of a-z, 0-9 and ''-'', not at either end)'
                field: webapp
                errors:
                  - field: webapp
                    code: invalid_value
                    message: 'webapp: "App" is not a DNS label (1 to 63 of a-z, 0-9 and ''-'', not at either end)'
      examples:
        Build:
          summary: A build under way
          value:
            id: build-app-example-v1-2-4
            webapp: app-example
            tag: v1.2.4
            image: registry.k8s-lab.dev/webapp/app-example:v1.2.4
            status: running
            phase: building
            progress: {step: 4, steps: 7, instruction: RUN npm ci}
            done: false
            message: building the image
            digest: null
            git:
              url: https://github.com/example/webapps.git
              ref: main
              commit: 9f2c1d7e5b8a4c6f0e3d2b1a9f8e7d6c5b4a3f2e
              subdirectory: app-example
            platforms: []
            createdAt: '2026-11-22T19:50:01.000Z'
            startedAt: '2026-11-22T19:50:02.500Z'
            finishedAt: null
            durationSeconds: 12.25
            usualDurationSeconds: 41.5
            phases:
              - {phase: cloning, startedAt: '2026-11-22T19:50:02.500Z', durationSeconds: 3.25}
              - {phase: building, startedAt: '2026-11-22T19:50:05.750Z', durationSeconds: null}
            requestedBy: n8n
            callback:
              host: n8n.example.com
              status: pending
              attempts: 0
              lastAttemptAt: null
              lastAnswer: null
              nextAttemptAt: null
            links:
              self: /builds/build-app-example-v1-2-4
              logs: /builds/build-app-example-v1-2-4/logs
              events: /builds/build-app-example-v1-2-4/events
      schemas:
        WebappName:
          type: string
          description: One DNS label.
          pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'
        BuildId:
          type: string
          description: One DNS label.
          pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'
        Version:
          type: string
          description: A semantic version as a tag, with or without `v`, without build metadata.
          maxLength: 128
          pattern: "^v?(0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){2}\
            (-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)\
            ([.](0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?$"
        Range:
          type: string
          description: |
            Such as `^1.2`, `~1.2.3`, `1.x`, `>=1 <2`, `1.x || 3.x` or `1.2 - 2.3.4`, in the syntax of npm and Flux.
          format: version-range
          maxLength: 256
        PrereleaseId:
          type: string
          description: Such as `rc` or `beta.2`.
          maxLength: 64
          pattern: "^(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)\
            ([.](0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*$"
        GitURL:
          type: string
          description: An https, http or ssh URL without credentials.
          maxLength: 2048
          pattern: "^([hH][tT][tT][pP][sS]?://|[sS][sS][hH]://([!\"%-.0-9;->A-Z\\[-~]*@)?)\
            [A-Za-z0-9\\[][!\"%-.0-9:;->A-Z\\[-~]*/[!-#%-~]*$"
        Status:
          type: string
          enum: [queued, running, succeeded, failed, cancelled]
        Time:
          type: string
          format: date-time
        Tags:
          type: object
          required: [webapp, repository, latest, count, tags]
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            repository:
              type: string
            latest:
              description: The highest version; prereleases not counted unless asked.
              type: [string, 'null']
            count:
              description: How many tags there are, before the limit.
              type: integer
              minimum: 0
            tags:
              type: array
              items:
                type: string
          additionalProperties: false
        Webapps:
          type: object
          required: [webapps, source, message]
          properties:
            webapps:
              description: In alphabetical order.
              type: array
              items:
                $ref: '#/components/schemas/WebappName'
            source:
              description: The registry's catalog and builds, or builds alone.
              enum: [registry, builds]
            message:
              description: Why the registry does not tell.
              type: [string, 'null']
          additionalProperties: false
        Webapp:
          type: object
          required: [webapp, repository, latest, digest, createdAt, size, count, next, inFlight, usualDurationSeconds]
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            repository:
              type: string
            latest:
              description: The highest version that is no prerelease.
              type: [string, 'null']
            digest:
              description: What the registry serves under `latest`.
              type: [string, 'null']
            createdAt:
              description: When that image was made.
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
            size:
              description: Bytes of its configuration and all layers, of the first platform.
              type: [integer, 'null']
              minimum: 0
            count:
              description: How many tags there are.
              type: integer
              minimum: 0
            next:
              description: What comes next; `null` where a bump leads to no version. Promises nothing.
              type: object
              required: [patch, minor, major]
              properties:
                patch:
                  type: [string, 'null']
                minor:
                  type: [string, 'null']
                major:
                  type: [string, 'null']
              additionalProperties: false
            inFlight:
              description: The versions of builds that have not ended, highest first.
              type: array
              items:
                type: string
            usualDurationSeconds:
              description: How long the last successful builds took, the median of those that this process has seen.
              type: [number, 'null']
              minimum: 0
          additionalProperties: false
        History:
          type: object
          required: [webapp, since, versions, builds]
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            since:
              description: When this process began to remember builds; earlier ones may be missing.
              $ref: '#/components/schemas/Time'
            versions:
              description: Highest first.
              type: array
              items:
                type: object
                required: [tag, createdAt, digest]
                properties:
                  tag:
                    type: string
                  createdAt:
                    description: When the image was made.
                    oneOf:
                      - $ref: '#/components/schemas/Time'
                      - type: 'null'
                  digest:
                    description: '`null` where the registry serves a manifest that cannot be read.'
                    type: [string, 'null']
                additionalProperties: false
            builds:
              description: Newest first, `limit` at most, and never more than 50.
              type: array
              items:
                type: object
                required: [id, tag, status, createdAt, finishedAt, durationSeconds]
                properties:
                  id:
                    $ref: '#/components/schemas/BuildId'
                  tag:
                    type: string
                  status:
                    enum: [succeeded, failed, cancelled]
                  createdAt:
                    $ref: '#/components/schemas/Time'
                  finishedAt:
                    $ref: '#/components/schemas/Time'
                  durationSeconds:
                    description: From the beginning of the work; `null` if it never began.
                    type: [number, 'null']
                    minimum: 0
                additionalProperties: false
          additionalProperties: false
        Image:
          type: object
          required: [tag, image, digest, mediaType, size, platforms, createdAt, revision, source, labels]
          properties:
            tag:
              type: string
            image:
              type: string
            digest:
              type: string
            mediaType:
              type: string
            size:
              description: Bytes of the configuration and all layers, of the first platform.
              type: integer
              minimum: 0
            platforms:
              type: array
              items:
                type: string
            createdAt:
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
            revision:
              type: [string, 'null']
            source:
              type: [string, 'null']
            labels:
              type: object
              additionalProperties:
                type: string
          additionalProperties: false
        Next:
          type: object
          required: [webapp, repository, current, next, image, bump, releaseNeeded, inFlight]
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            repository:
              type: string
            current:
              type: [string, 'null']
            next:
              type: [string, 'null']
            image:
              description: What a build of `next` would push.
              type: [string, 'null']
            bump:
              enum: [major, minor, patch, prerelease, null]
            releaseNeeded:
              type: boolean
            inFlight:
              description: The versions of builds that have not ended, highest first.
              type: array
              items:
                type: string
          additionalProperties: false
        NextRequest:
          type: object
          required: [commits]
          properties:
            commits:
              $ref: '#/components/schemas/Commits'
            bump:
              description: At least this; `auto` is what the commits ask for.
              enum: [major, minor, patch, prerelease, auto, null]
            range:
              oneOf:
                - $ref: '#/components/schemas/Range'
                - type: 'null'
          additionalProperties: false
        Commits:
          description: Whole commit messages, in any order.
          type: array
          maxItems: 2048
          items:
            type: string
        BuildRequest:
          type: object
          required: [webapp]
          anyOf:
            - description: Exactly this version.
              required: [version]
              properties:
                bump:
                  type: 'null'
                commits:
                  type: 'null'
                prereleaseId:
                  type: 'null'
                range:
                  type: 'null'
            - description: What commits ask for, or at least `bump`.
              required: [commits]
              properties:
                commits:
                  type: array
                version:
                  type: 'null'
                prereleaseId:
                  type: 'null'
            - description: The next release.
              properties:
                version:
                  type: 'null'
                commits:
                  type: 'null'
                bump:
                  enum: [major, minor, patch, null]
                prereleaseId:
                  type: 'null'
            - description: The next prerelease.
              required: [bump]
              properties:
                version:
                  type: 'null'
                commits:
                  type: 'null'
                bump:
                  const: prerelease
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            bump:
              description: |
                What to raise, `patch` unless commits decide. With commits, at least this much. `auto` needs commits.
              enum: [major, minor, patch, prerelease, auto, null]
            version:
              description: Exactly this version; excludes `bump`, `commits`, `prereleaseId` and `range`.
              oneOf:
                - $ref: '#/components/schemas/Version'
                - type: 'null'
            commits:
              oneOf:
                - $ref: '#/components/schemas/Commits'
                - type: 'null'
            prereleaseId:
              description: With the bump `prerelease` only.
              oneOf:
                - $ref: '#/components/schemas/PrereleaseId'
                - type: 'null'
            range:
              description: The line of versions to stay in, such as `1.x`.
              oneOf:
                - $ref: '#/components/schemas/Range'
                - type: 'null'
            git:
              description: What to build, where it is not what the operator configured.
              type: [object, 'null']
              properties:
                url:
                  oneOf:
                    - $ref: '#/components/schemas/GitURL'
                    - type: 'null'
                ref:
                  description: A branch, a tag or a full reference.
                  type: [string, 'null']
                  maxLength: 255
                  pattern: "^[A-Za-z0-9_+@#=%,][A-Za-z0-9_+@#=%,-]*([.][A-Za-z0-9_+@#=%,-]+)*\
                    (/[A-Za-z0-9_+@#=%,-]+([.][A-Za-z0-9_+@#=%,-]+)*)*$"
                  not:
                    type: string
                    pattern: '^@$|[.]lock(/|$)'
                commit:
                  description: The full id of the commit.
                  type: [string, 'null']
                  pattern: '^([0-9a-f]{40}|[0-9a-f]{64})$'
                subdirectory:
                  description: The directory of the Dockerfile; the webapp's name unless given.
                  type: [string, 'null']
                  maxLength: 1024
                  pattern: '^([^\x00-\x1f\x7f$\\/][^\x00-\x1f\x7f$\\]*)?$'
                  not:
                    type: string
                    pattern: '(^|/)([.][.]|[.][gG][iI][tT])(/|$)|^([.]?/)*[-:]'
              additionalProperties: false
            platforms:
              description: Such as `linux/arm64`; the builder's own unless given.
              type: [array, 'null']
              maxItems: 16
              uniqueItems: true
              items:
                type: string
                maxLength: 64
                pattern: '^[a-z0-9_]+(/[a-z0-9_]+){1,2}$'
            callbackUrl:
              description: >-
                Is sent the build by POST once it has ended, at least once; `webhook-id` is the same each time. It is
                called as it is written, such as n8n's resume URL. Without 2xx it is tried again for a day, after 409 for
                half an hour; 401, 404 and 410 are final. Refused for a host that the operator has not allowed
                (`callback_not_allowed`), and by a service that does not call back (`callbacks_unavailable`).
              type: [string, 'null']
              maxLength: 2048
          additionalProperties: false
        Build:
          type: object
          required:
            - id
            - webapp
            - tag
            - image
            - status
            - phase
            - progress
            - done
            - message
            - digest
            - git
            - platforms
            - createdAt
            - startedAt
            - finishedAt
            - durationSeconds
            - usualDurationSeconds
            - phases
            - requestedBy
            - callback
            - links
          properties:
            id:
              $ref: '#/components/schemas/BuildId'
            webapp:
              $ref: '#/components/schemas/WebappName'
            tag:
              $ref: '#/components/schemas/Version'
            image:
              type: string
            status:
              $ref: '#/components/schemas/Status'
            phase:
              description: What a running build does.
              enum: [cloning, building, pushing, verifying, null]
            progress:
              description: How far the making of the image is, as the output of the build tells.
              type: [object, 'null']
              required: [step, steps, instruction]
              properties:
                step:
                  description: How many steps of the Dockerfile have begun, of all its stages.
                  type: integer
                  minimum: 1
                steps:
                  description: How many there are, as far as is known yet.
                  type: integer
                  minimum: 1
                instruction:
                  description: The step that began last.
                  type: string
              additionalProperties: false
            done:
              description: Whether the build has ended.
              type: boolean
            message:
              description: One sentence that a person can act on.
              type: string
            digest:
              description: What the registry serves under the tag.
              type: [string, 'null']
            git:
              type: object
              required: [url, ref, commit, subdirectory]
              properties:
                url:
                  type: string
                ref:
                  type: string
                commit:
                  type: [string, 'null']
                subdirectory:
                  type: string
              additionalProperties: false
            platforms:
              type: array
              items:
                type: string
            createdAt:
              $ref: '#/components/schemas/Time'
            startedAt:
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
            finishedAt:
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
            durationSeconds:
              description: From the beginning of the work to its end, or to now.
              type: [number, 'null']
            usualDurationSeconds:
              description: |
                The median of the last successes of this webapp that this replica of the service has seen, at most ten.
              type: [number, 'null']
            phases:
              description: The phases that it has come to, in order.
              type: array
              items:
                type: object
                required: [phase, startedAt, durationSeconds]
                properties:
                  phase:
                    enum: [cloning, building, pushing, verifying]
                  startedAt:
                    $ref: '#/components/schemas/Time'
                  durationSeconds:
                    type: [number, 'null']
                additionalProperties: false
            requestedBy:
              description: |
                Who asked for it: the name of the token, `namespace/name` of a service account, or `github/<login>`.
              type: [string, 'null']
            callback:
              oneOf:
                - $ref: '#/components/schemas/Callback'
                - type: 'null'
            links:
              type: object
              required: [self, logs, events]
              properties:
                self:
                  type: string
                logs:
                  type: string
                events:
                  type: string
              additionalProperties: false
          additionalProperties: false
        Callback:
          description: What has come of the `callbackUrl`; `null` in the document that is sent there.
          type: object
          required: [host, status, attempts, lastAttemptAt, lastAnswer, nextAttemptAt]
          properties:
            host:
              description: The host of the URL; the rest is told to nobody.
              type: [string, 'null']
            status:
              enum: [pending, retrying, delivered, abandoned]
            attempts:
              type: integer
              minimum: 0
            lastAttemptAt:
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
            lastAnswer:
              description: What came of the last attempt.
              type: [string, 'null']
            nextAttemptAt:
              oneOf:
                - $ref: '#/components/schemas/Time'
                - type: 'null'
          additionalProperties: false
        ReleaseNotNeeded:
          type: object
          required: [webapp, releaseNeeded, current, message]
          properties:
            webapp:
              $ref: '#/components/schemas/WebappName'
            releaseNeeded:
              const: false
            current:
              type: [string, 'null']
            message:
              type: string
          additionalProperties: false
        GitHubPush:
          description: GitHub's event `push`, as far as it is read; other events are not read at all.
          type: object
          required: [ref, before, after, repository, commits]
          properties:
            ref:
              type: string
            before:
              $ref: '#/components/schemas/Commit'
            after:
              $ref: '#/components/schemas/Commit'
            deleted:
              type: [boolean, 'null']
            forced:
              type: [boolean, 'null']
            repository:
              type: object
              required: [full_name]
              properties:
                full_name:
                  type: string
                clone_url:
                  description: What is built where no repository is configured (`GIT_REPO_URL`).
                  oneOf:
                    - $ref: '#/components/schemas/GitURL'
                    - type: 'null'
                pushed_at:
                  description: Seconds since 1970, or a time.
                  oneOf:
                    - type: integer
                      minimum: -9223372036854775808
                      maximum: 9223372036854775807
                    - type: string
                      pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}Z$'
                    - type: 'null'
            sender:
              type: [object, 'null']
              properties:
                login:
                  type: [string, 'null']
            commits:
              type: array
              items:
                $ref: '#/components/schemas/GitHubCommit'
            head_commit:
              oneOf:
                - $ref: '#/components/schemas/GitHubCommit'
                - type: 'null'
        GitHubCommit:
          type: object
          required: [id, message]
          properties:
            id:
              type: string
            message:
              type: string
            added:
              $ref: '#/components/schemas/Files'
            modified:
              $ref: '#/components/schemas/Files'
            removed:
              $ref: '#/components/schemas/Files'
        Files:
          type: [array, 'null']
          items:
            type: string
        Commit:
          description: The full id of a commit.
          type: string
          pattern: '^([0-9a-f]{40}|[0-9a-f]{64})$'
        PushOutcome:
          type: object
          required: [event, repository, ref, commit, complete, note, builds, skipped, failed]
          properties:
            event:
              const: push
            repository:
              type: string
            ref:
              type: string
            commit:
              $ref: '#/components/schemas/Commit'
            complete:
              description: Whether the payload tells all commits and all of their files.
              type: boolean
            note:
              description: Why it does not, or why nothing is listed.
              type: [string, 'null']
            builds:
              description: What was started, now or by an earlier delivery of the same push.
              type: array
              items:
                $ref: '#/components/schemas/Build'
            skipped:
              description: What was touched and not built.
              type: array
              items:
                type: object
                required: [path, webapp, reason]
                properties:
                  path:
                    type: string
                  webapp:
                    type: [string, 'null']
                  reason:
                    type: string
                additionalProperties: false
            failed:
              description: What should have been built and was not.
              type: array
              items:
                type: object
                required: [webapp, code, message]
                properties:
                  webapp:
                    $ref: '#/components/schemas/WebappName'
                  code:
                    $ref: '#/components/schemas/ProblemCode'
                  message:
                    type: string
                additionalProperties: false
        PushReport:
          allOf:
            - $ref: '#/components/schemas/PushOutcome'
          unevaluatedProperties: false
        IgnoredEvent:
          type: object
          required: [event, ignored]
          properties:
            event:
              type: string
            ignored:
              description: Why.
              type: string
          additionalProperties: false
        Ping:
          type: object
          required: [event, message]
          properties:
            event:
              const: ping
            message:
              type: string
          additionalProperties: false
        RegistryNotifications:
          description: An envelope of notifications, as far as it is read.
          type: object
          required: [events]
          properties:
            events:
              type: array
              items:
                type: object
                required: [target]
                properties:
                  target:
                    type: object
                    required: [repository]
                    properties:
                      repository:
                        type: string
        Readiness:
          type: object
          required: [ready, dependencies]
          properties:
            ready:
              type: boolean
            dependencies:
              type: object
              additionalProperties:
                type: object
                required: [state, message, checkedAt]
                properties:
                  state:
                    enum: [unknown, ok, failing]
                  message:
                    type: [string, 'null']
                  checkedAt:
                    oneOf:
                      - $ref: '#/components/schemas/Time'
                      - type: 'null'
                additionalProperties: false
        Problem:
          type: object
          required: [type, title, status, detail, code, message]
          properties:
            type:
              description: '`urn:registry-query:problem:` and the code.'
              type: string
              format: uri
            title:
              type: string
            status:
              type: integer
            detail:
              description: One sentence that a person can act on.
              type: string
            code:
              $ref: '#/components/schemas/ProblemCode'
            message:
              description: The same as `detail`.
              type: string
            field:
              description: The field, parameter or header that is wrong, such as `git.url` or `commits[3]`.
              type: string
            errors:
              description: All that is wrong with the request.
              type: array
              items:
                type: object
                required: [field, code, message]
                properties:
                  field:
                    type: string
                  code:
                    $ref: '#/components/schemas/ProblemCode'
                  message:
                    type: string
                additionalProperties: false
        ProblemCode:
          description: |
            | status | codes |
            |---|---|
            | 400 | `malformed_request`, `malformed_json`, `unknown_field`, `duplicate_field`, `wrong_type` |
            | 400 | `unknown_parameter`, `repeated_parameter`, `invalid_payload` |
            | 401 | `unauthorized`, `invalid_signature` |
            | 403 | `forbidden`, `host_not_allowed`, `cross_site_refused` |
            | 404 | `route_unknown`, `repository_unknown`, `tag_unknown`, `build_unknown`, `webhook_unconfigured` |
            | 405 | `method_not_allowed` |
            | 408 | `request_timeout` |
            | 409 | `version_taken`, `build_finished`, `build_not_finished` |
            | 410 | `log_unavailable` |
            | 413 | `body_too_large` |
            | 414 | `target_too_long` |
            | 415 | `unsupported_media_type` |
            | 422 | `missing_field`, `invalid_value`, `no_next_version`, `idempotency_key_reused` |
            | 422 | `callbacks_unavailable`, `callback_not_allowed` |
            | 429 | `too_many_failures` |
            | 500 | `internal_error` |
            | 502 | `registry_error`, `cluster_error` |
            | 503 | `registry_unavailable`, `cluster_unavailable`, `builder_unavailable` |
            | 503 | `reservation_contended`, `builds_not_started`, `not_ready`, `shutting_down` |
            | 504 | `registry_timeout`, `cluster_timeout`, `deadline_exceeded` |
          type: string
          enum:
                - malformed_request
                - malformed_json
                - unknown_field
                - duplicate_field
                - wrong_type
                - unknown_parameter
                - repeated_parameter
                - invalid_payload
                - unauthorized
                - forbidden
                - host_not_allowed
                - cross_site_refused
                - invalid_signature
                - too_many_failures
                - route_unknown
                - repository_unknown
                - tag_unknown
                - build_unknown
                - webhook_unconfigured
                - method_not_allowed
                - request_timeout
                - version_taken
                - build_finished
                - build_not_finished
                - log_unavailable
                - body_too_large
                - target_too_long
                - unsupported_media_type
                - missing_field
                - invalid_value
                - no_next_version
                - idempotency_key_reused
                - callbacks_unavailable
                - callback_not_allowed
                - internal_error
                - registry_error
                - cluster_error
                - registry_unavailable
                - cluster_unavailable
                - builder_unavailable
                - reservation_contended
                - builds_not_started
                - not_ready
                - shutting_down
                - registry_timeout
                - cluster_timeout
                - deadline_exceeded
    """#
