internal import HTTPTransport
internal import KubernetesClient

/// Why a Job has failed, in one sentence: which step, its last words, and what to do.
struct JobFailure {
    let message: String
    /// The container that failed without leaving a word, so that its log has to be asked.
    let silentContainer: String?

    /// Explains a failed Job.
    /// - Parameters:
    ///   - reason: The Job's reason, which only tells the deadline from everything else.
    ///   - output: The end of the log of the silent container, once it was asked.
    ///   - progress: What the build was doing when it was last heard of.
    init(
        job: Job, pod: Pod?, reason: String?, said: String?, output: String? = nil, progress: BuildKitProgress? = nil
    ) {
        let failed = pod?.failedContainer
        if reason == "DeadlineExceeded" {
            let seconds = job.spec.activeDeadlineSeconds.map { "\($0) s" } ?? "its deadline"
            let doing = progress?.step.map { "; it was at step \($0.position), \($0.instruction)" }
            let waiting = job.metadata.annotations[JobKeys.Annotation.trouble].map { "; it had been waiting: \($0)" }
            let trouble = doing ?? waiting ?? ""
            message =
                "stopped after \(seconds), the longest that a build may take (activeDeadlineSeconds in the Job template)\(trouble)"
            silentContainer = nil
        } else if let pod, let reason = pod.status.reason {
            // Eviction, node shutdown, preemption: the Pod as a whole was taken down, and its log with it.
            let said = pod.status.message.map { ": \(redacted($0.trimmed, limit: 300))" } ?? ""
            let advice = reason == "Evicted" ? " (raise the limit in the Job template, or free the node)" : ""
            message = "its Pod was ended by the node, \(reason)\(said)\(advice)"
            silentContainer = nil
        } else if let (container, end) = failed {
            let words = (end.message?.isEmpty == false ? end.message : nil) ?? output
            message = Self.message(container: container.name, isClone: pod?.isInit(container.name) == true, end, words)
            silentContainer = words == nil ? container.name : nil
        } else if pod == nil {
            message =
                "its Pod is gone, deleted by somebody or with its node, and its log with it; start the build again"
            silentContainer = nil
        } else {
            message = "the Job failed: \(redacted(said ?? reason ?? "no reason given", limit: 300))"
            silentContainer = nil
        }
    }

    private static func message(
        container: String, isClone: Bool, _ end: Pod.ContainerState.Terminated, _ words: String?
    ) -> String {
        let output = BuildOutput(words ?? "")
        let said = isClone ? output.cloneLines : output.buildLines
        let suffix = said.isEmpty ? "" : ": \(said)"
        if end.reason == "OOMKilled" {
            return
                "\(container) ran out of memory\(suffix) (raise resources.limits.memory of the container \(container) in the "
                + "Job template, and see kubectl top nodes)"
        }
        if end.exitCode == 143 || end.signal == 15 { return "\(container) was stopped from outside\(suffix)" }
        let advice = isClone ? cloneAdvice(said) : buildAdvice(output.buildError)
        return "\(container) failed with exit code \(end.exitCode)\(suffix)" + (advice.map { " (\($0))" } ?? "")
    }

    // MARK: Advice

    private static func cloneAdvice(_ said: String) -> String {
        let cases: [(texts: [String], advice: String)] = [
            (
                [
                    "could not read Username", "Authentication failed", "Permission denied",
                    "Host key verification failed",
                ],
                "the repository needs a login: put it into the Secret git-credentials of the builds' namespace"
            ),
            (
                ["the Secret git-credentials has no key"],
                "add it to the Secret git-credentials of the builds' namespace"
            ),
            (
                ["certificate problem", "certificate verification failed"],
                "put the authority's certificate into the key ca.crt of the Secret git-credentials"
            ),
            (["couldn't find remote ref", "not our ref", "unadvertised object"], "check git.ref and git.commit"),
            (
                ["Not a valid object name", "failed to unpack tree object", "relative path syntax"],
                "check git.subdirectory: it must be a directory of the repository"
            ),
            (["transport '"], "check git.url: GIT_ALLOW_PROTOCOL in the Job template says what may be cloned from"),
            (
                ["unable to access", "Could not resolve", "Failed to connect", "Connection refused", "not found"],
                "check git.url, and whether the cluster reaches it"
            ),
        ]
        return cases.first { $0.texts.contains(where: said.contains) }?.advice
            ?? "check git.url, git.ref and git.commit"
    }

    /// Goes by BuildKit's last word only: a build step may print anything.
    private static func buildAdvice(_ error: String) -> String? {
        let isStep = error.hasPrefix("failed to solve: process ")
        if isStep {
            return error.hasSuffix("exit code: 137")
                ? "the step was killed, most likely for memory: raise resources.limits.memory in the Job template" : nil
        }
        let cases: [(texts: [String], advice: String)] = [
            (
                ["401 Unauthorized", "authorization failed", "no basic auth credentials", "403 Forbidden"],
                "check the Secret registry-credentials in the Job's namespace, which Reflector copies: it must be mounted at "
                    + "DOCKER_CONFIG and have a key that is exactly the image's host"
            ),
            (
                ["operation not permitted"],
                "BuildKit needs privileged: true in the securityContext of the container buildkit, and a namespace that allows it"
            ),
            (
                ["server gave HTTP response to HTTPS client"],
                "the registry is plain HTTP: say so in the ConfigMap buildkitd, key buildkitd.toml"
            ),
            (
                ["certificate signed by unknown authority", "x509:"],
                "name the registry's certificate authority in the ConfigMap buildkitd, key buildkitd.toml"
            ),
            (["failed to read dockerfile"], "check git.subdirectory: the Dockerfile must be in it"),
            (["no space left on device"], "raise the sizeLimit of the volume buildkit-state in the Job template"),
            (
                ["connection refused", "no such host", "i/o timeout", "failed to do request"],
                "check that the registry is up and that the cluster reaches it"
            ),
            (["could not connect to unix"], "the BuildKit daemon did not start; the build's log says why"),
        ]
        return cases.first { $0.texts.contains(where: error.contains) }?.advice
    }
}

extension Pod {
    fileprivate func isInit(_ container: String) -> Bool {
        status.initContainerStatuses.contains { $0.name == container }
    }
}

extension String {
    fileprivate var trimmed: Substring {
        let head = drop(while: \.isWhitespace)
        return head.prefix(
            head.lastIndex { !$0.isWhitespace }.map { head.distance(from: head.startIndex, to: $0) + 1 } ?? 0)
    }
}
