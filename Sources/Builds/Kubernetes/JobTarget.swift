internal import KubernetesClient
internal import OCIDistribution
internal import SemanticVersions

/// What a Job will push, as far as versions are concerned.
///
/// Jobs made by others count, so this has to be read from whatever Job has the labels of a build. Looked at, in this
/// order, are what the build will really be told to push (`IMAGE_TAG` of the container `buildkit`), the annotation,
/// and every other variable's value. The first that is an image reference decides:
///
/// - Its repository is that of a webapp, and its tag a version: the version is taken. Its host is not compared,
///   because one registry
///   may have several names: a version counted in vain leaves a gap, one overlooked would be pushed over.
/// - Any other reference takes no version of ours.
///
/// If there is no reference at all, nobody can say; see ``JobTarget/unknown``.
enum JobTarget: Equatable {
    /// A version of a webapp.
    case version(VersionTag, webapp: WebappName, image: ImageReference)
    /// Certainly no version of ours.
    case elsewhere
    /// Nothing in the Job says what it pushes, so that no version can be given safely while it may still do so.
    case unknown

    init(_ job: Job, naming: ImageNaming) {
        let pod = job.spec.template?.spec
        let containers = (pod?.containers ?? []) + (pod?.initContainers ?? [])
        let told = containers.first { $0.name == JobKeys.Container.build }?.value(of: JobKeys.Variable.image)
        let named = [told, job.metadata.annotations[JobKeys.Annotation.image]].compactMap(\.self)
        if let image = named.lazy.compactMap({ try? ImageReference($0) }).first {
            self = JobTarget(image, naming: naming)
            return
        }
        let others = containers.flatMap(\.texts).flatMap(Self.references).map { JobTarget($0, naming: naming) }
        self = others.first { $0 != .elsewhere } ?? others.first ?? .unknown
    }

    private init(_ image: ImageReference, naming: ImageNaming) {
        guard let tag = image.tag, let version = VersionTag(tag.name), let webapp = naming.webapp(of: image.repository)
        else {
            self = .elsewhere
            return
        }
        self = .version(version, webapp: webapp, image: image)
    }

    /// The tagged references in a text such as `type=image,"name=A,B",push=true`.
    private static func references(in text: String) -> [ImageReference] {
        text.split { ",=\"'\\ \t\n".contains($0) }.compactMap { piece in
            // A piece with a digest of its own is an image to run, not one to push.
            (try? ImageReference(String(piece))).flatMap { $0.tag != nil && $0.digest == nil ? $0 : nil }
        }
    }
}

extension ImageNaming {
    /// The webapp whose images a repository holds; `nil` if it is none of ours.
    func webapp(of repository: Repository) -> WebappName? {
        let start = prefix.isEmpty ? "" : "\(prefix)/"
        guard repository.name.hasPrefix(start) else { return nil }
        return try? WebappName(String(repository.name.dropFirst(start.count)))
    }
}

extension Pod.Container {
    /// The value of an environment variable that is written down in the Job.
    func value(of variable: String) -> String? {
        environment.last { $0.name == variable }?.value
    }

    /// Everything in which a Job may say what it pushes.
    fileprivate var texts: [String] { environment.compactMap(\.value) + (command ?? []) + (args ?? []) }
}
