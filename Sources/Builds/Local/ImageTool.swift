internal import OCIDistribution
internal import SystemPackage

/// The program that builds and pushes images on this machine.
enum ImageTool: String, Sendable, CaseIterable {
    /// Needs no daemon; preferred.
    case buildah
    /// Needs a Docker engine.
    case docker
    /// Needs `buildkitd`; builds and pushes in one step.
    case buildctl

    /// The first of the three that the machine has.
    static func detect(environment: [String: String]) -> ImageTool? {
        allCases.first { CommandRunner.path(of: $0.rawValue, environment: environment) != nil }
    }

    /// One program to run.
    struct Command: Equatable, Sendable {
        var arguments: [String]
        var phase: Build.Phase
        var environment: [String: String] = [:]
    }

    /// What one build is made of.
    struct Job: Sendable {
        /// The reference that the registry is to serve, under the host where it is reached.
        var destination: ImageReference
        /// The directory with the Dockerfile.
        var context: FilePath
        /// A directory that holds a `config.json` with the credentials for this push.
        var credentials: FilePath
        /// Where to write the digest of what was pushed.
        var digestFile: FilePath
        var platforms: [Platform]
        var labels: [(name: String, value: String)]
        /// Whether the registry is plain HTTP, by the operator's configuration.
        var usesPlainHTTP: Bool
        /// A directory with `ca.crt`, if the registry has its own authority.
        var certificates: FilePath?
    }

    /// The programs to run, in order, and those that clean up whatever came of them.
    func commands(for job: Job) -> (steps: [Command], cleanUp: [Command]) {
        let labels = job.labels.flatMap { ["--label", "\($0.name)=\($0.value)"] }
        let platforms =
            job.platforms.isEmpty ? [] : ["--platform", job.platforms.map(\.description).joined(separator: ",")]
        let name = job.destination.description
        switch self {
        case .buildah:
            var transport = ["--tls-verify=\(!job.usesPlainHTTP)"]
            if let certificates = job.certificates { transport += ["--cert-dir", certificates.string] }
            let authentication = ["--authfile", job.credentials.appending("config.json").string]
            let target = job.platforms.count > 1 ? ["--manifest", name] : ["--tag", name]
            let push = job.platforms.count > 1 ? ["manifest", "push", "--all"] : ["push"]
            return (
                [
                    Command(
                        arguments: ["build"] + authentication + transport + target + platforms + labels + [
                            job.context.string
                        ],
                        phase: .building),
                    Command(
                        arguments: push + authentication + transport
                            + ["--digestfile", job.digestFile.string, name, "docker://\(name)"],
                        phase: .pushing),
                ],
                [
                    Command(
                        arguments: (job.platforms.count > 1 ? ["manifest", "rm"] : ["rmi"]) + [name], phase: .pushing)
                ]
            )
        case .docker:
            let environment = ["DOCKER_CONFIG": job.credentials.string]
            return (
                [
                    Command(
                        arguments: ["build", "--tag", name] + platforms + labels + [job.context.string],
                        phase: .building,
                        environment: environment),
                    Command(arguments: ["push", name], phase: .pushing, environment: environment),
                ],
                [Command(arguments: ["rmi", name], phase: .pushing)]
            )
        case .buildctl:
            let options =
                job.labels.flatMap { ["--opt", "label:\($0.name)=\($0.value)"] }
                + (job.platforms.isEmpty
                    ? [] : ["--opt", "platform=\(job.platforms.map(\.description).joined(separator: ","))"])
            let output = "type=image,name=\(name),push=true" + (job.usesPlainHTTP ? ",registry.insecure=true" : "")
            return (
                [
                    Command(
                        arguments: [
                            "build", "--frontend", "dockerfile.v0", "--progress", "plain",
                            "--local", "context=\(job.context)", "--local", "dockerfile=\(job.context)",
                            "--output", output,
                        ] + options,
                        phase: .building, environment: ["DOCKER_CONFIG": job.credentials.string])
                ],
                []
            )
        }
    }
}
