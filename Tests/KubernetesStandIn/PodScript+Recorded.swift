extension PodScript {
    /// The commit that the recorded clone resolved to.
    public static let recordedCommit = "d77a35dd8dfe1fc1eb5a364d9497d574b63d49c8"

    private static let taken: [Step] = [.schedule, .pause(seconds: 0.1), .accept, .pause(seconds: 0.1)]

    private static func cloned(_ commit: String) -> [Step] {
        [
            .initStarts, .log("cloning http://registry.example:5116/webapps.git at main"), .pause(seconds: 0.2),
            .log("fetched commit \(commit)"), .log("workspace ready"), .initEnds(exitCode: 0, message: commit),
            .pause(seconds: 0.1),
        ]
    }

    private static let built: [Step] = [
        .mainStarts, .log("#1 [internal] load build definition from Dockerfile"),
        .log("#1 transferring dockerfile: 396B done"), .log("#1 DONE 0.0s"), .log(""),
        .log("#5 [1/2] FROM registry.example:5115/base/busybox:1"), .log("#5 DONE 0.1s"), .log(""),
        .log("#6 [2/2] COPY . /src"), .pause(seconds: 0.2), .log("#6 DONE 0.0s"), .log(""),
    ]

    /// Clones, builds, pushes and succeeds.
    /// - Parameters:
    ///   - commit: what the clone leaves as its message.
    ///   - push: puts the image where the build would; returns its digest.
    public static func success(
        commit: String = recordedCommit,
        push: @escaping @Sendable (PushContext) async throws -> String = { _ in
            "sha256:9afb398fae39b4c1b21f0dfc5a9c7e869369e2ddb949ee788243e8f54e38ed58"
        }
    ) -> PodScript {
        PodScript(
            taken + cloned(commit) + built + [
                .log("#12 exporting to image"), .log("#12 pushing layers"), .push(push),
                .log("#12 pushing layers 0.0s done"), .log("#12 DONE 0.1s"), .mainEnds(exitCode: 0),
            ])
    }

    /// The clone fails: the branch does not exist.
    public static let failedInit = PodScript(
        taken + [
            .initStarts, .log("cloning http://registry.example:5116/webapps.git at refs/heads/nosuch"),
            .log("fatal: couldn't find remote ref refs/heads/nosuch"), .pause(seconds: 0.1), .initEnds(exitCode: 128),
        ])

    /// A RUN step of the build fails.
    public static let failedMain = PodScript(
        taken + cloned(recordedCommit) + [
            .mainStarts, .log("#8 [3/3] RUN npm ci"), .log("#8 0.067 npm error code E404"),
            .log("#8 ERROR: process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 7"),
            .log("------"), .log(" > [3/3] RUN npm ci:"), .log("0.067 npm error code E404"), .log("------"),
            .log("Dockerfile:3"), .log("--------------------"), .log("   3 | >>> RUN npm ci"),
            .log("--------------------"),
            .log(
                "error: failed to solve: process \"/bin/sh -c npm ci\" did not complete successfully: exit code: 7"),
            .pause(seconds: 0.2), .mainEnds(exitCode: 1, reason: "Error"),
        ])

    /// The build container is killed for its memory.
    public static let oomKilled = PodScript(
        taken + cloned(recordedCommit) + [
            .mainStarts, .pause(seconds: 0.2), .mainEnds(exitCode: 137, reason: "OOMKilled", message: ""),
        ])

    /// A RUN step is killed for memory: BuildKit reports it, and the container's reason says so.
    public static let oomInRun = PodScript(
        taken + cloned(recordedCommit) + [
            .mainStarts,
            .log(
                "error: failed to solve: process \"/bin/sh -c ./eat\" did not complete successfully: exit code: 137"),
            .pause(seconds: 0.2), .mainEnds(exitCode: 1, reason: "OOMKilled"),
        ])

    /// The build container's image does not exist; the two reasons follow each other, nothing else happens.
    public static let imagePullBackOff: PodScript = {
        let missing =
            "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/tools/buildkit:v9.9.9\": "
            + "failed to resolve image: registry.example/tools/buildkit:v9.9.9: not found"
        let backOff = "Back-off pulling image \"registry.example/tools/buildkit:v9.9.9\": ErrImagePull: \(missing)"
        return PodScript(
            taken + cloned(recordedCommit) + [
                .stuck(isInit: false, reason: "ErrImagePull", message: missing), .pause(seconds: 1),
                .stuck(isInit: false, reason: "ImagePullBackOff", message: backOff),
            ])
    }()

    /// A variable of the build container is from a Secret that does not exist.
    public static let missingSecretVariable = PodScript(
        taken + cloned(recordedCommit) + [
            .stuck(isInit: false, reason: "CreateContainerConfigError", message: "secret \"nosuch\" not found")
        ])

    /// A volume is from a Secret that does not exist: the Pod waits and does not say why.
    public static let missingSecretVolume = missingVolume("registry-credentials")

    /// A volume is from a Secret or ConfigMap that does not exist: the Pod waits and does not say why.
    public static func missingVolume(_ name: String) -> PodScript { PodScript(taken + [.mountFails(volume: name)]) }

    /// No node fits.
    public static let unschedulable = PodScript([
        .unschedulable(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, "
                + "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")
    ])

    /// The clone fills its volume, and the node throws the Pod out.
    public static let evicted = PodScript(
        taken + [
            .initStarts, .pause(seconds: 0.3),
            .evict("Usage of EmptyDir volume \"workspace\" exceeds the limit \"1Mi\". "),
        ])

    /// The build takes longer than the Job's deadline.
    public static let deadlineExceeded = PodScript(
        taken + cloned(recordedCommit) + built + [.pause(seconds: 0.2), .exceedDeadline])

    /// The build goes on for ever.
    public static let endless = PodScript(taken + cloned(recordedCommit) + built)
}
