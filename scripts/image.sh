#!/usr/bin/env bash
# Builds the SFU's image and pushes it to an ECR repository of the account and region that the AWS CLI is set up
# for: scripts/image.sh <x86_64|arm64> <repository>. At the end it says what to deploy with.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture=$1
repository=${2,,} # ECR takes no capitals

die() {
    echo "$1" >&2
    exit 1
}

case $architecture in
x86_64) platform=linux/amd64 ;;
arm64) platform=linux/arm64 ;;
*) die "ARCHITECTURE is x86_64 or arm64, as the stack's parameter, not $architecture." ;;
esac

if command -v docker > /dev/null && docker buildx version > /dev/null 2>&1; then
    engine=docker
elif command -v podman > /dev/null; then
    engine=podman
else
    die "make image needs a container engine: Docker with buildx (docs.docker.com/engine/install) or Podman (podman.io)."
fi
command -v aws > /dev/null || die "make image needs the AWS CLI, version 2: docs.aws.amazon.com/cli."

account=$(aws sts get-caller-identity --query Account --output text) ||
    die "The AWS CLI has no valid credentials: aws configure, or aws sso login."
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || die "No region: set AWS_REGION."
export AWS_REGION=$region
registry=$account.dkr.ecr.$region.amazonaws.com
case $region in cn-*) registry=$registry.cn ;; esac

deploy_with_it() {
    cat << END

Deploy with it:

    make deploy STACK=… PARAMETERS="SfuImage=$image SfuRepositoryName=$repository Architecture=$architecture"
END
}

# What has been deployed can be told from its name. A tree with changes is no commit.
tag=$(git rev-parse --short=12 HEAD 2> /dev/null || true)
if [ -z "$tag" ] || [ -n "$(git status --porcelain 2> /dev/null)" ]; then
    tag=${tag:+$tag-}$(date -u +%Y%m%d%H%M%S)
fi
image=$registry/$repository:$tag-$architecture

if ! aws ecr describe-repositories --repository-names "$repository" > /dev/null 2>&1; then
    echo "Making the repository $repository."
    aws ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
        --image-scanning-configuration scanOnPush=true > /dev/null
fi
# A tag is given once: the image of a commit that is there is the image of that commit.
if aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag-$architecture" > /dev/null 2>&1; then
    echo "$image is there already."
    deploy_with_it
    exit
fi
aws ecr get-login-password | "$engine" login --username AWS --password-stdin "$registry"

echo "Building $image (minutes, the first time)."
if [ "$engine" = docker ]; then
    docker buildx build --platform "$platform" --provenance=false --file infra/sfu.Dockerfile --tag "$image" --push .
else
    # Its own format has no health check. And not every version fills in BUILDPLATFORM: without it, it takes the
    # compiler of the image's CPU.
    podman build --format docker --platform "$platform" \
        --build-arg "BUILDPLATFORM=$(podman info --format '{{.Host.OS}}/{{.Host.Arch}}')" \
        --file infra/sfu.Dockerfile --ignorefile infra/sfu.Dockerfile.dockerignore --tag "$image" .
    podman push "$image"
fi

deploy_with_it
