// biome-ignore-all lint/suspicious/noConsole: the design logs like this.
/** `actions/enrollment.ts` of the original design, unchanged except for its types. */
import { prisma } from './prisma.js'

export async function autoEnrollNewUser(userId) {
  try {
    // Get all published courses
    const publishedCourses = await prisma.course.findMany({
      where: { isPublished: true },
      select: { id: true },
    })

    // If no published courses, nothing to do
    if (publishedCourses.length === 0) {
      console.log(`[AutoEnroll] No published courses available for user ${userId}`)
      return
    }

    // Prepare enrollment data
    const enrollmentData = publishedCourses.map((course) => ({
      userId,
      courseId: course.id,
      status: 'active',
    }))

    // Bulk create enrollments
    const result = await prisma.enrollment.createMany({
      data: enrollmentData,
      skipDuplicates: true,
    })

    console.log(`[AutoEnroll] Enrolled user ${userId} in ${result.count} courses`)
  } catch (error) {
    console.error(`[AutoEnroll] Failed for user ${userId}:`, error)
    // Don't throw - enrollment failure shouldn't block user creation
  }
}
