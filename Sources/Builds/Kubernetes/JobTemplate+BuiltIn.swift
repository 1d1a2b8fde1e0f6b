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
        # and adds labels and annotations of its own.
        #
        # A template of one's own (JOB_TEMPLATE) may differ in anything but this, which is checked when registry-query starts:
        # - kind and API version, name, labels, the names of the two containers and of their four variables;
        # - backoffLimit 0 and restartPolicy Never: a second attempt would push over the first;
        # - activeDeadlineSeconds: nothing else ends a Job whose Pod cannot start;
        # - ttlSecondsAfterFinished of at least 60: versions are chosen from a list of Jobs that may be that old.
        #
        # In scripts write $NAME for a variable: "$" followed by "{" is for placeholders. $(NAME) in args is for Kubernetes.
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
                  image: docker.io/alpine/git:v2.52.0
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
                      echo "cloning $GIT_REPO_URL at $GIT_REF"
                      git fetch --quiet --depth 1 --no-tags --no-recurse-submodules -- origin "$GIT_REF" &
                      wait "$!"
                      commit=$(git rev-parse --verify --end-of-options 'FETCH_HEAD^{commit}')
                      echo "fetched commit $commit"
                      git --work-tree=/workspace read-tree --reset -u "FETCH_HEAD:$GIT_SUBDIRECTORY"
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
                    - {name: HOME, value: /tmp}
                  securityContext:
                    runAsNonRoot: true
                    runAsUser: 1000
                    runAsGroup: 1000
                    readOnlyRootFilesystem: true
                    allowPrivilegeEscalation: false
                    capabilities: {drop: [ALL]}
                    seccompProfile: {type: RuntimeDefault}
                  terminationMessagePolicy: FallbackToLogsOnError
                  resources:
                    requests: {cpu: 10m, memory: 64Mi}
                    limits: {cpu: 500m, memory: 256Mi}
                  volumeMounts:
                    - {name: workspace, mountPath: /workspace}
                    - {name: result, mountPath: /result}
                    - {name: tmp, mountPath: /tmp}
              containers:
                - name: buildkit
                  # No older than v0.31.2, for its security fixes.
                  image: docker.io/moby/buildkit:v0.32.2
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
                    requests: {cpu: 100m, memory: 512Mi}
                    limits: {cpu: '2', memory: 2Gi}
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
                - name: registry-credentials
                  secret:
                    secretName: registry-credentials
                    items: [{key: .dockerconfigjson, path: config.json}]

        """#
}
