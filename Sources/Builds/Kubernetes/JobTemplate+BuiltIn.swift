extension JobTemplate {
    /// The template that is used when `JOB_TEMPLATE` names none.
    ///
    /// It is `deploy/kubernetes/buildkit-job-template.yaml`, byte for byte; a test compares them.
    public static let builtInText = #"""
        # The Job that clones one commit, builds its Dockerfile and pushes the image: one Job is one build of one version.
        #
        # The five placeholders stand for the Job's name, the webapp, the Git URL, the directory with the Dockerfile (empty:
        # the whole repository) and the whole reference of the image. Each is one whole value. registry-query fills them in as
        # nodes of the parsed document; replacing them as text, with values without quotes and line breaks, gives a working Job
        # of the default branch as well. Whatever else a build needs has a default here. registry-query sets it by the name of
        # the variable (GIT_REF) or of the option (--opt platform=..., --opt label:...), puts the Job into its BUILD_NAMESPACE,
        # creates it suspended and resumes it, and adds labels, annotations and, where it is told to, images and a cache.
        #
        # A template of one's own (JOB_TEMPLATE) may differ in anything but this, which is checked when registry-query starts:
        # - kind and API version, name (and no generateName), labels, the names of the two containers and of their four
        #   variables, each of which comes once;
        # - one Pod, never a second attempt, which would push over the first: backoffLimit 0, restartPolicy Never, also of the
        #   two containers, and no podFailurePolicy that ignores a failure;
        # - activeDeadlineSeconds: nothing else ends a Job whose Pod cannot start;
        # - ttlSecondsAfterFinished of at least 60: versions are chosen from a list of Jobs that may be that old;
        # - no hostPID: what a build starts ends with its container;
        # - no labels and annotations that begin with registry-query/, but for registry-query/image with the image.
        #
        # In scripts write $NAME for a variable: "$" followed by "{" is for placeholders. $(NAME) in args is for Kubernetes.
        #
        # Private Git repositories: the Secret git-credentials, any of whose keys may be left out.
        # - git-credentials: lines https://USER:TOKEN@HOST, each of which git uses for that host alone;
        # - ssh-privatekey and known_hosts: for ssh:// URLs, both of them;
        # - ca.crt: an authority to trust beside the public ones.
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: '${JOB_NAME}'
          namespace: build-system
          labels:
            app.kubernetes.io/name: buildkit
            app.kubernetes.io/component: builder
            webapp: '${WEBAPP_NAME}'
        spec:
          backoffLimit: 0
          activeDeadlineSeconds: 1800
          ttlSecondsAfterFinished: 600
          template:
            metadata:
              labels:
                app.kubernetes.io/name: buildkit
                app.kubernetes.io/component: builder
                webapp: '${WEBAPP_NAME}'
            spec:
              restartPolicy: Never
              serviceAccountName: buildkit-sa
              automountServiceAccountToken: false
              enableServiceLinks: false
              terminationGracePeriodSeconds: 10
              initContainers:
                - name: git-clone
                  # The tag is moved when Alpine has fixes; append a digest to stay with one of its images.
                  image: docker.io/alpine/git:v2.54.0
                  imagePullPolicy: IfNotPresent
                  command:
                    - /bin/sh
                    - -c
                    # Process 1 ignores SIGTERM without a trap, and the shell runs the trap only while it waits.
                    - |
                      set -eu
                      umask 022
                      trap 'echo "clone cancelled" >&2; exit 143' TERM
                      git init --quiet /tmp/repository
                      cd /tmp/repository
                      git remote add -- origin "$GIT_REPO_URL"
                      # Asked and no more: git would write down a login that works, and erase one that does not.
                      git config credential.helper \
                        '!ask() { [ "$1" != get ] || git credential-store --file=/git-credentials/git-credentials get; }; ask'
                      if [ -s /git-credentials/ca.crt ]; then
                        cat /etc/ssl/certs/ca-certificates.crt /git-credentials/ca.crt > /tmp/ca.crt
                        export GIT_SSL_CAINFO=/tmp/ca.crt
                      fi
                      case "$GIT_REPO_URL" in ssh://*)
                        for key in ssh-privatekey known_hosts; do
                          [ ! -s "/git-credentials/$key" ] || continue
                          echo "the Secret git-credentials has no key $key, without which nothing is cloned over ssh" >&2
                          exit 1
                        done
                      esac
                      # Nobody should write a token into the URL, but who does must not find it in the log.
                      echo "cloning $(printf '%s' "$GIT_REPO_URL" | sed 's|^\(http[s]*://\)[^/]*@|\1|') at $GIT_REF"
                      git fetch --quiet --depth 1 --no-tags --no-recurse-submodules -- origin "$GIT_REF" &
                      wait "$!"
                      commit=$(git rev-parse --verify --end-of-options 'FETCH_HEAD^{commit}')
                      echo "fetched commit $commit"
                      git --work-tree=/workspace read-tree --reset -u "FETCH_HEAD:$GIT_SUBDIRECTORY" &
                      wait "$!"
                      printf '%s' "$commit" > /result/commit
                      printf '%s' "$commit" > /dev/termination-log
                      echo "workspace ready"
                  env:
                    - {name: GIT_REPO_URL, value: '${GIT_REPO_URL}'}
                    # A full commit id, a branch, a tag or a full reference; HEAD is the default branch.
                    - {name: GIT_REF, value: HEAD}
                    - {name: GIT_SUBDIRECTORY, value: '${GIT_SUBDIRECTORY}'}
                    - {name: GIT_ALLOW_PROTOCOL, value: 'https:http:ssh'}
                    - {name: GIT_TERMINAL_PROMPT, value: '0'}
                    - name: GIT_SSH_COMMAND
                      value: >-
                        ssh -F none -i /git-credentials/ssh-privatekey -o IdentitiesOnly=yes -o BatchMode=yes
                        -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/git-credentials/known_hosts
                        -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o ConnectTimeout=30
                    - {name: HOME, value: /tmp}
                  securityContext:
                    # nobody: ssh refuses to work for a user that /etc/passwd of the image does not have.
                    runAsNonRoot: true
                    runAsUser: 65534
                    runAsGroup: 65534
                    readOnlyRootFilesystem: true
                    allowPrivilegeEscalation: false
                    capabilities: {drop: [ALL]}
                    seccompProfile: {type: RuntimeDefault}
                  terminationMessagePolicy: FallbackToLogsOnError
                  resources:
                    requests: {cpu: 10m, memory: 64Mi, ephemeral-storage: 512Mi}
                    limits: {cpu: 500m, memory: 256Mi, ephemeral-storage: 3Gi}
                  volumeMounts:
                    - {name: workspace, mountPath: /workspace}
                    - {name: result, mountPath: /result}
                    - {name: tmp, mountPath: /tmp}
                    - {name: git-credentials, mountPath: /git-credentials, readOnly: true}
              containers:
                - name: buildkit
                  # No older than v0.31.2, for its security fixes.
                  image: docker.io/moby/buildkit:v0.34.0
                  imagePullPolicy: IfNotPresent
                  command:
                    - /bin/sh
                    - -c
                    - |
                      set -eu
                      trap 'echo "build cancelled" >&2; exit 143' TERM
                      buildctl-daemonless.sh "$@" --opt "label:org.opencontainers.image.revision=$(cat /result/commit)" &
                      wait "$!"
                      cat /result/metadata.json > /dev/termination-log
                    # The script's own name; the args follow as its arguments.
                    - build
                  args:
                    - build
                    - --frontend
                    - dockerfile.v0
                    - --local
                    - context=/workspace
                    - --local
                    - dockerfile=/workspace
                    - --progress
                    - plain
                    - --metadata-file
                    - /result/metadata.json
                    - --output
                    - type=image,name=$(IMAGE_TAG),push=true
                  env:
                    - {name: IMAGE_TAG, value: '${IMAGE_TAG}'}
                    - {name: DOCKER_CONFIG, value: /registry-credentials}
                    # Waits of 0.1 s and 20 ms more each time: a slow board needs more than the default of 10.
                    - {name: BUILDCTL_CONNECT_RETRIES_MAX, value: '50'}
                  securityContext:
                    privileged: true
                  # Puts the end of a failed build's log into the Pod's status.
                  terminationMessagePolicy: FallbackToLogsOnError
                  resources:
                    # The volumes below count as well: a Pod may use as much as the larger of its two containers' limits.
                    requests: {cpu: 100m, memory: 512Mi, ephemeral-storage: 4Gi}
                    limits: {cpu: '2', memory: 2Gi, ephemeral-storage: 24Gi}
                  volumeMounts:
                    - {name: workspace, mountPath: /workspace, readOnly: true}
                    - {name: result, mountPath: /result}
                    - {name: buildkit-state, mountPath: /var/lib/buildkit}
                    - {name: buildkitd-config, mountPath: /etc/buildkit, readOnly: true}
                    - {name: registry-credentials, mountPath: /registry-credentials, readOnly: true}
              volumes:
                - {name: workspace, emptyDir: {sizeLimit: 1Gi}}
                - {name: result, emptyDir: {sizeLimit: 1Mi}}
                - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
                - {name: buildkit-state, emptyDir: {sizeLimit: 20Gi}}
                # Only for registries with plain HTTP or an authority of their own; its key is buildkitd.toml.
                - name: buildkitd-config
                  configMap: {name: buildkitd, optional: true}
                # Root owns the files, so that ssh does not mind that all may read them.
                - name: git-credentials
                  secret: {secretName: git-credentials, optional: true}
                - name: registry-credentials
                  secret:
                    secretName: registry-credentials
                    items: [{key: .dockerconfigjson, path: config.json}]

        """#
}
